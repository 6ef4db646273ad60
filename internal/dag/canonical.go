package dag

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// ErrTooSymmetric is returned for a graph whose canonical form could not be
// decided within the limit on work. No graph is known that occurs as a cell
// and meets it.
var ErrTooSymmetric = errors.New("graph is too symmetrical for its canonical form to be decided")

// maxWork is the limit on work for one canonical form, in vertices and edges
// visited: some ten seconds, where an ordinary cell takes a microsecond.
const maxWork = 1 << 30

// canonizer finds the canonical order of the vertices of a reduced graph by
// searching the tree of individualizations for the leaf that is least by its
// refinement traces first and its code second.
type canonizer struct {
	// The reduced graph: vertices in topological order. The edges into vertex
	// v are in[vertices[v].from:vertices[v].to], ordered by source.
	vertices []vertex
	in       []arc
	// The edges out of vertex v are out[outFrom[v]:outFrom[v+1]].
	out     []arc
	outFrom []int32

	// level is the length of the longest path to each vertex; up and down
	// digest what it can reach and what reaches it; key is scratch.
	level         []int32
	up, down, key []uint64

	// At depth d of the search: its partition, that of its first child, the
	// vertex that is individualized and the trace of the refinement after it.
	partitions, firsts []partition
	path               []int32
	traces             []uint64

	best struct {
		found  bool
		order  []int32
		path   []int32
		traces []uint64
		code   []byte
	}
	code []byte
	// position is the inverse of the order that is being encoded.
	position []int32
	edges    []arc

	// automorphisms are those found so far, as images by vertex.
	automorphisms [][]int32
	image         []int32

	work, limit int
}

// partition is an ordered partition of the vertices into cells. Vertices of a
// cell follow each other in order; cell is for each vertex the position at
// which its cell starts.
type partition struct {
	order, cell []int32
	cells       int
}

func (p *partition) copyFrom(q *partition) {
	p.order = append(p.order[:0], q.order...)
	p.cell = append(p.cell[:0], q.cell...)
	p.cells = q.cells
}

// end returns the position after the cell that starts at from.
func (p *partition) end(from int) int {
	to := from + 1
	for to < len(p.order) && int(p.cell[p.order[to]]) == from {
		to++
	}
	return to
}

// split sorts the cell order[from:to] by key, makes a cell of each run of equal
// keys and returns trace with the outcome mixed in.
func (p *partition) split(from, to int, key []uint64, trace uint64) uint64 {
	cell := p.order[from:to]
	if len(cell) <= 24 {
		for i := 1; i < len(cell); i++ {
			for j := i; j > 0 && key[cell[j]] < key[cell[j-1]]; j-- {
				cell[j], cell[j-1] = cell[j-1], cell[j]
			}
		}
	} else {
		slices.SortFunc(cell, func(u, v int32) int {
			switch {
			case key[u] < key[v]:
				return -1
			case key[u] > key[v]:
				return 1
			}
			return 0
		})
	}
	start := from
	for i, v := range cell {
		if i > 0 && key[v] != key[cell[i-1]] {
			start = from + i
			p.cells++
		}
		p.cell[v] = int32(start)
		trace = mix(trace + key[v] + uint64(start))
	}
	return trace
}

// canonize leaves the canonical form in best.code.
func (c *canonizer) canonize() error {
	c.work = 0
	if c.limit == 0 {
		c.limit = maxWork
	}
	c.automorphisms = c.automorphisms[:0]
	c.path = c.path[:0]
	c.traces = c.traces[:0]
	c.best.found = false
	c.position = resize(c.position, len(c.vertices))
	c.key = resize(c.key, len(c.vertices))
	c.linkOut()
	root := c.at(&c.partitions, 0)
	c.color(root)
	c.refine(root)
	c.search(0)
	if c.work > c.limit {
		return ErrTooSymmetric
	}
	return nil
}

// at returns the partition of depth d, which it makes if need be.
func (c *canonizer) at(partitions *[]partition, d int) *partition {
	for d >= len(*partitions) {
		*partitions = append(*partitions, partition{})
	}
	return &(*partitions)[d]
}

// linkOut fills out from in.
func (c *canonizer) linkOut() {
	n := len(c.vertices)
	c.outFrom = resize(c.outFrom, n+2)
	clear(c.outFrom)
	for _, a := range c.in {
		c.outFrom[a.at+2]++
	}
	for v := range n {
		c.outFrom[v+2] += c.outFrom[v+1]
	}
	c.out = resize(c.out, len(c.in))
	for v := range c.vertices {
		for _, a := range c.in[c.vertices[v].from:c.vertices[v].to] {
			c.out[c.outFrom[a.at+1]] = arc{at: int32(v), count: a.count}
			c.outFrom[a.at+1]++
		}
	}
}

// color sets p to the partition by level, and within a level by a digest of
// all that reaches a vertex and of all that it reaches. The output comes last,
// so that the order is topological.
func (c *canonizer) color(p *partition) {
	n := len(c.vertices)
	c.level = resize(c.level, n)
	c.up = resize(c.up, n)
	c.down = resize(c.down, n)
	for v := range c.vertices {
		vert := &c.vertices[v]
		level := int32(0)
		own := base(*vert)
		sum := own
		for _, a := range c.in[vert.from:vert.to] {
			level = max(level, c.level[a.at]+1)
			sum += mix(c.down[a.at] + a.count)
		}
		if vert.kind == Output {
			level = math.MaxInt32
		}
		c.level[v] = level
		c.down[v] = mix(sum)
		c.up[v] = own
	}
	p.order = resize(p.order, n)
	p.cell = resize(p.cell, n)
	for v := n - 1; v >= 0; v-- {
		sum := c.up[v]
		for _, a := range c.out[c.outFrom[v]:c.outFrom[v+1]] {
			sum += mix(c.up[a.at] + a.count)
		}
		c.up[v] = mix(sum)
		// The level is the high part of the key, the digest the low.
		c.key[v] = uint64(c.level[v])<<32 | mix(c.up[v]^mix(c.down[v]))>>32
		p.order[v] = int32(v)
	}
	p.cells = 1
	p.split(0, n, c.key, 0)
}

// refine splits cells until any two vertices of one cell have the same number
// of edges to and from each cell, and returns a digest of how it went, which
// isomorphic partitions share. A collision of digests would leave cells
// unsplit, to be told apart by search; the form stays exact.
func (c *canonizer) refine(p *partition) (trace uint64) {
	for p.cells < len(p.order) && c.work <= c.limit {
		c.work += len(c.vertices) + len(c.in)
		before := p.cells
		for from := 0; from < len(p.order); {
			to := p.end(from)
			if to-from > 1 {
				for _, v := range p.order[from:to] {
					c.key[v] = c.signature(p, v)
				}
			}
			from = to
		}
		for from := 0; from < len(p.order); {
			to := p.end(from)
			if to-from > 1 {
				trace = p.split(from, to, c.key, trace)
			}
			from = to
		}
		if p.cells == before {
			break
		}
	}
	return trace
}

// signature digests the edges between v and the cells of p.
func (c *canonizer) signature(p *partition, v int32) uint64 {
	var sum uint64
	for _, a := range c.in[c.vertices[v].from:c.vertices[v].to] {
		sum += mix(mix(uint64(p.cell[a.at])<<1) + a.count)
	}
	for _, a := range c.out[c.outFrom[v]:c.outFrom[v+1]] {
		sum += mix(mix(uint64(p.cell[a.at])<<1|1) + a.count)
	}
	return sum
}

// noJump is what search returns if all its subtree is done with.
const noJump = math.MaxInt

// search explores the subtree below the partition of depth d. If it finds that
// the subtree of an ancestor's current child is a copy of one that was seen,
// it returns the ancestor's depth at once.
func (c *canonizer) search(d int) int {
	p := &c.partitions[d]
	if p.cells == len(p.order) {
		return c.leaf(p, d)
	}
	from := 0
	for p.end(from) == from+1 {
		from++
	}
	to := p.end(from)
	var known orbits
	for i := from; i < to; i++ {
		if c.work > c.limit {
			return -1
		}
		p = &c.partitions[d] // Deeper calls may have moved it.
		v := p.order[i]
		if i > from {
			known.update(c, d)
			if known.anyEquals(p.order[from:i], v) {
				continue
			}
		}
		child := c.at(&c.partitions, d+1)
		child.copyFrom(&c.partitions[d])
		individualize(child, i)
		trace := c.refine(child)
		first := c.at(&c.firsts, d)
		if i == from {
			first.copyFrom(child)
		} else if c.mapsTo(first, child) {
			c.automorphisms = append(c.automorphisms, slices.Clone(c.image))
			continue
		}
		c.path = append(c.path[:d], v)
		c.traces = append(c.traces[:d], trace)
		if c.best.found {
			// Up to here the traces are those of the best leaf.
			if d >= len(c.best.traces) || trace > c.best.traces[d] {
				continue
			}
			if trace < c.best.traces[d] {
				c.best.found = false
			}
		}
		if jump := c.search(d + 1); jump < d {
			return jump
		}
	}
	return noJump
}

// individualize makes a cell of its own, in front of the rest of its cell, of
// the vertex at position i of p.
func individualize(p *partition, i int) {
	v := p.order[i]
	from := int(p.cell[v])
	to := p.end(from)
	p.order[i], p.order[from] = p.order[from], v
	for _, u := range p.order[from+1 : to] {
		p.cell[u] = int32(from + 1)
	}
	p.cells++
}

// leaf compares the order that a discrete partition of depth d is with the
// best so far.
func (c *canonizer) leaf(p *partition, d int) int {
	c.work += len(c.vertices) + len(c.in)
	c.encode(p.order)
	if c.best.found && d == len(c.best.traces) {
		switch order := bytes.Compare(c.code, c.best.code); {
		case order > 0:
			return noJump
		case order == 0:
			c.image = resize(c.image, len(p.order))
			for i, v := range c.best.order {
				c.image[v] = p.order[i]
			}
			c.automorphisms = append(c.automorphisms, slices.Clone(c.image))
			fork := 0
			for c.path[fork] == c.best.path[fork] {
				fork++
			}
			return fork
		}
	}
	c.best.found = true
	c.best.order = append(c.best.order[:0], p.order...)
	c.best.path = append(c.best.path[:0], c.path[:d]...)
	c.best.traces = append(c.best.traces[:0], c.traces[:d]...)
	c.best.code = append(c.best.code[:0], c.code...)
	return noJump
}

// encode writes the graph with its vertices in the given order to code:
// for each vertex a byte that is its kind, and 0x80 more if it concatenates;
// the length of its label and the label; the number of arcs into it; and for
// each arc, ordered by source, the source's position and the multiplicity. All
// numbers are unsigned varints.
func (c *canonizer) encode(order []int32) {
	for i, v := range order {
		c.position[v] = int32(i)
	}
	code := binary.AppendUvarint(c.code[:0], uint64(len(order)))
	for _, v := range order {
		vert := &c.vertices[v]
		kind := byte(vert.kind)
		if vert.concat {
			kind |= 0x80
		}
		code = append(code, kind)
		code = binary.AppendUvarint(code, uint64(len(vert.label)))
		code = append(code, vert.label...)
		c.edges = c.edges[:0]
		for _, a := range c.in[vert.from:vert.to] {
			c.edges = append(c.edges, arc{at: c.position[a.at], count: a.count})
		}
		slices.SortFunc(c.edges, func(a, b arc) int { return int(a.at - b.at) })
		code = binary.AppendUvarint(code, uint64(len(c.edges)))
		for _, a := range c.edges {
			code = binary.AppendUvarint(code, uint64(a.at))
			code = binary.AppendUvarint(code, a.count)
		}
	}
	c.code = code
}

// mapsTo tries to read an automorphism off two children of one partition, and
// leaves it in image if it can. It tries the one that takes the singletons of
// p to those of q, exchanges what then overlaps, and fixes the rest: it is
// what exchanges two copies of one branch, the symmetry that cells have.
func (c *canonizer) mapsTo(p, q *partition) bool {
	if p.cells != q.cells {
		return false
	}
	c.work += len(c.vertices) + len(c.in)
	n := len(p.order)
	c.image = resize(c.image, n)
	for v := range c.image {
		c.image[v] = -1
	}
	singleton := func(of *partition, i int) bool {
		return int(of.cell[of.order[i]]) == i && (i+1 == n || int(of.cell[of.order[i+1]]) == i+1)
	}
	for i, v := range p.order {
		if singleton(p, i) != singleton(q, i) {
			return false
		}
		if singleton(p, i) {
			c.image[v] = q.order[i]
		}
	}
	for i, v := range p.order {
		if u := q.order[i]; singleton(p, i) && c.image[u] == -1 {
			c.image[u] = v
		}
	}
	for v, u := range c.image {
		if u == -1 {
			c.image[v] = int32(v)
		}
	}
	return c.isAutomorphism(c.image)
}

// isAutomorphism reports whether image is a permutation of the vertices that
// keeps their fields and edges.
func (c *canonizer) isAutomorphism(image []int32) bool {
	for v := range c.position {
		c.position[v] = -1
	}
	for v, u := range image {
		if c.position[u] != -1 {
			return false
		}
		c.position[u] = int32(v)
	}
	for v, u := range image {
		a, b := &c.vertices[v], &c.vertices[u]
		if a.kind != b.kind || a.concat != b.concat || a.label != b.label || a.to-a.from != b.to-b.from {
			return false
		}
		c.edges = c.edges[:0]
		for _, e := range c.in[a.from:a.to] {
			c.edges = append(c.edges, arc{at: image[e.at], count: e.count})
		}
		slices.SortFunc(c.edges, func(a, b arc) int { return int(a.at - b.at) })
		if !slices.Equal(c.edges, c.in[b.from:b.to]) {
			return false
		}
	}
	return true
}

// orbits are those of the automorphisms that fix a path, as a union-find
// forest over the vertices.
type orbits struct {
	parent []int32
	// merged is the number of automorphisms that are accounted for.
	merged int
}

// update merges the orbits of the automorphisms found since it was last called
// that fix the first d vertices of the path.
func (o *orbits) update(c *canonizer, d int) {
	if o.parent == nil {
		o.parent = make([]int32, len(c.vertices))
		for v := range o.parent {
			o.parent[v] = int32(v)
		}
	}
	for ; o.merged < len(c.automorphisms); o.merged++ {
		image := c.automorphisms[o.merged]
		if slices.ContainsFunc(c.path[:d], func(v int32) bool { return image[v] != v }) {
			continue
		}
		for v, u := range image {
			if u != int32(v) {
				o.parent[o.find(int32(v))] = o.find(u)
			}
		}
	}
}

func (o *orbits) find(v int32) int32 {
	for o.parent[v] != v {
		o.parent[v] = o.parent[o.parent[v]]
		v = o.parent[v]
	}
	return v
}

// anyEquals reports whether v is in the orbit of one of the seen.
func (o *orbits) anyEquals(seen []int32, v int32) bool {
	orbit := o.find(v)
	return slices.ContainsFunc(seen, func(u int32) bool { return o.find(u) == orbit })
}

// base digests what is a vertex's own.
func base(v vertex) uint64 {
	// FNV-1a, 64 bits.
	h := uint64(14695981039346656037)
	for i := range len(v.label) {
		h = (h ^ uint64(v.label[i])) * 1099511628211
	}
	h += uint64(v.kind) << 1
	if v.concat {
		h++
	}
	return mix(h)
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
