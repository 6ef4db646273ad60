package feature

import (
	"context"

	"github.com/hypernas/hypernas/plugins"
)

// paths encodes the searched cells of networks by the paths from their inputs
// to their output, dead operations left out.
type paths struct {
	v          *plugins.Vocabulary
	cells      int      // the most searched cells of a network
	bit        []uint64 // of each operation of the vocabulary; 0 for those that don't occur
	subsets    []uint64 // of the operations
	longest    float64  // the most operations on a path, over all networks
	attributes *OneHot
}

// newPaths returns the encoding for networks like those of b. Its error is the
// context's.
func newPaths(ctx context.Context, v *plugins.Vocabulary, b *plugins.Batch) (*paths, error) {
	e := &paths{v: v, bit: make([]uint64, len(v.Ops))}
	seen := make([]bool, len(v.Ops))
	for i := range b.Networks {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		n := &b.Networks[i]
		steps := n.Searched()
		e.cells = max(e.cells, len(steps))
		for _, s := range steps {
			c := &n.Cells[s.Cell]
			g := newCellGraph(v, c)
			for k, node := range c.Nodes {
				seen[node.Op] = seen[node.Op] || g.operation[k]
			}
			if long, _, _, count := g.count(0, nil, nil); count > 0 {
				e.longest = max(e.longest, long)
			}
		}
	}
	n := 0
	for op, s := range seen {
		if s && n < 63 { // more operations share no column of subsets
			e.bit[op] = 1 << n
			n++
		}
	}
	e.subsets = subsets(n)
	e.attributes = newOneHot(v, b.Networks, func(p *place) bool { return p.what >= nodeValue })
	return e, nil
}

// subsets returns the sets of 1 to n operations of n: all of them up to five
// operations (31 sets); of more, whose sets are too many to tell apart by a few
// hundred labels, single operations, pairs, all but one, and all, or, beyond 16
// operations, without the pairs.
func subsets(n int) []uint64 {
	var list []uint64
	all := uint64(1)<<n - 1
	switch {
	case n <= 5:
		for s := uint64(1); s <= all; s++ {
			list = append(list, s)
		}
	default:
		for i := range n {
			list = append(list, 1<<i)
		}
		for i := range n {
			for j := range i {
				if n <= 16 {
					list = append(list, 1<<i|1<<j)
				}
			}
		}
		for i := range n {
			list = append(list, all&^(1<<i))
		}
		list = append(list, all)
	}
	return list
}

func (e *paths) groups() []Group {
	return []Group{{Name: "ps"}, {Name: "reach"}, {Name: "deg"}, {Name: "attributes"}}
}

func (e *paths) encode(w *writer, n *plugins.Network, _ []float64) {
	steps := n.Searched()
	graphs := make([]*cellGraph, min(e.cells, len(steps)))
	for k := range graphs {
		graphs[k] = newCellGraph(e.v, &n.Cells[steps[k].Cell])
	}
	of := func(k int) *plugins.Cell { return &n.Cells[steps[k].Cell] }
	for k := range e.cells {
		if k < len(graphs) {
			e.statistics(w, graphs[k], of(k))
		} else {
			w.put(make([]float64, 1+3*4)...)
		}
	}
	w.end()
	for k := range e.cells {
		for _, subset := range e.subsets {
			long, short, count := 0.0, e.longest+1, 0.0
			if k < len(graphs) {
				if l, s, _, c := graphs[k].count(0, e.members(of(k), subset), nil); c > 0 {
					long, short, count = l, s, c
				}
			}
			w.put(long, short, count)
		}
	}
	w.end()
	for k := range e.cells {
		for _, subset := range e.subsets {
			out, in := 0.0, 0.0
			if k < len(graphs) {
				out, in = e.degrees(graphs[k], of(k), subset)
			}
			w.put(out, in)
		}
	}
	w.end()
	from := len(w.row)
	w.put(make([]float64, e.attributes.Dim())...)
	e.attributes.EncodeTo(w.row[from:], e.v, n)
	w.end()
}

// members reports for each node of c whether its operation is in the subset.
func (e *paths) members(c *plugins.Cell, subset uint64) []bool {
	m := make([]bool, len(c.Nodes))
	for i, node := range c.Nodes {
		m[i] = e.bit[node.Op]&subset != 0
	}
	return m
}

// statistics puts the number of paths, then the greatest, the least and the
// mean number over the paths of convolutions (operations with weights), those
// with a window of 3 or more, poolings, and operations that aren't skips.
func (e *paths) statistics(w *writer, g *cellGraph, c *plugins.Cell) {
	var marks [4][]bool
	for k := range marks {
		marks[k] = make([]bool, len(c.Nodes))
	}
	for i, node := range c.Nodes {
		op := e.v.Ops[node.Op]
		marks[0][i] = op.Kind.HasWeights()
		marks[1][i] = op.Kind.HasWeights() && op.Kernel >= 3
		marks[2][i] = op.Kind == plugins.KindMaxPool || op.Kind == plugins.KindAvgPool
		marks[3][i] = op.Kind != plugins.KindSkip
	}
	var most, least, mean [4]float64
	count := 0.0
	for k := range marks {
		var sum float64
		most[k], least[k], sum, count = g.count(0, nil, marks[k])
		mean[k] = sum / max(1, count)
	}
	w.put(count)
	w.put(most[:]...)
	w.put(least[:]...)
	w.put(mean[:]...)
}

// degrees returns how many operations of the subset read an input, and how many
// the output reads.
func (e *paths) degrees(g *cellGraph, c *plugins.Cell, subset uint64) (out, in float64) {
	last := len(c.Nodes) - 1
	member := func(i int) bool { return g.operation[i] && e.bit[c.Nodes[i].Op]&subset != 0 }
	for i := range c.Nodes {
		for _, p := range g.in[i] {
			if g.input[p] > 0 && member(i) {
				out++
			}
			if i == last && member(p) {
				in++
			}
		}
	}
	return out, in
}
