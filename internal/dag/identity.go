package dag

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Identity names a function family: 128 bits of the SHA-256 of its canonical
// form. It depends on kinds, labels and edges alone, so it is the same in
// every process, on every platform.
type Identity [16]byte

// String returns the identity in hexadecimal, 32 digits.
func (id Identity) String() string { return hex.EncodeToString(id[:]) }

// Identify returns the identity of the function family of g. Its errors wrap
// ErrInvalid or ErrTooSymmetric. To identify many graphs use an Identifier.
func Identify(g Graph) (Identity, error) {
	return new(Identifier).Identify(g)
}

// Family returns the canonical form of which Identify returns the digest.
func Family(g Graph) ([]byte, error) {
	var w Identifier
	if err := w.family(g); err != nil {
		return nil, err
	}
	return w.best.code, nil
}

// Canonical returns a form of g as it stands, nothing pruned or contracted,
// that two graphs share exactly if they are isomorphic: if some bijection of
// their nodes keeps kinds, Concat, labels and the number of edges between any
// two. Its errors wrap ErrInvalid or ErrTooSymmetric.
func Canonical(g Graph) ([]byte, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	var w Identifier
	w.reset(len(g))
	for v, node := range g {
		for _, u := range node.In {
			w.count(int32(u), 1)
		}
		w.add(vertex{kind: node.Kind, concat: node.Concat, label: node.Label}, w.takeCounts())
		w.value[v] = int32(v)
	}
	if err := w.canonize(); err != nil {
		return nil, err
	}
	return w.best.code, nil
}

// An Identifier is Identify with working memory that it keeps between graphs.
// Its zero value is ready for use, by one goroutine at a time.
type Identifier struct {
	live, reached []bool
	// value is for each node of the graph the vertex that is its value, or
	// deferred for a skip that stands for several.
	value []int32
	// counts is a multiset of vertices while it is gathered, touched its
	// support.
	counts  []uint64
	touched []int32
	taken   []arc
	// skips holds the deferred skips, skipOf their positions there by node, and
	// skipArcs the multisets that they stand for, one after the other.
	skips    []skip
	skipOf   []int32
	skipArcs []arc

	canonizer
}

// deferred marks the value of a skip that several values reach, or one value
// several times.
const deferred = -1

// vertex is a node of a reduced graph.
type vertex struct {
	kind     Kind
	concat   bool
	label    string
	from, to int32
	// hash is a digest of the fields above and the edges into the vertex, by
	// which equal Weightless vertices are found.
	hash uint64
}

// arc is an edge of a reduced graph, with its other end and its multiplicity.
type arc struct {
	at    int32
	count uint64
}

// skip is a deferred skip: the multiset skipArcs[from:to] that it stands for,
// and the vertex that is made of it should one be needed, else deferred.
type skip struct {
	concat   bool
	from, to int32
	vertex   int32
}

// Identify is the function of the same name.
func (w *Identifier) Identify(g Graph) (Identity, error) {
	if err := w.family(g); err != nil {
		return Identity{}, err
	}
	sum := sha256.Sum256(w.best.code)
	return Identity(sum[:len(Identity{})]), nil
}

// family reduces g to its function family and leaves its form in w.best.code.
func (w *Identifier) family(g Graph) error {
	if err := g.Validate(); err != nil {
		return err
	}
	w.reset(len(g))
	w.live = resize(w.live, len(g))
	w.reached = resize(w.reached, len(g))
	liveTo(w.live, w.reached, g)
	for v, node := range g {
		if !w.live[v] && node.Kind != Output {
			continue
		}
		w.reduce(v, node)
	}
	return w.canonize()
}

// reduce gives a live node its value.
func (w *Identifier) reduce(v int, node Node) {
	concat := w.gather(node)
	arcs := w.takeCounts()
	if node.Kind == Skip {
		if len(arcs) == 1 && arcs[0].count == 1 {
			w.value[v] = arcs[0].at
			return
		}
		w.value[v] = deferred
		w.skipOf[v] = int32(len(w.skips))
		from := int32(len(w.skipArcs))
		w.skipArcs = append(w.skipArcs, arcs...)
		w.skips = append(w.skips, skip{concat: concat, from: from, to: int32(len(w.skipArcs)), vertex: deferred})
		return
	}
	made := vertex{kind: node.Kind, concat: concat, label: node.Label}
	if node.Kind == Weightless {
		w.value[v] = w.addOnce(made, arcs)
	} else {
		w.value[v] = w.add(made, arcs)
	}
}

// gather counts the values that reach a node, and reports whether they are
// concatenated. A deferred skip dissolves into a node that combines its inputs
// in the way that the skip does: a sum of sums is a sum. One value alone is
// neither sum nor concatenation.
func (w *Identifier) gather(node Node) (concat bool) {
	edges, only := 0, 0
	for _, u := range node.In {
		if w.live[u] {
			edges++
			only = u
		}
	}
	switch {
	case edges > 1:
		concat = node.Concat
	case edges == 1 && w.value[only] == deferred:
		concat = w.skips[w.skipOf[only]].concat
	}
	for _, u := range node.In {
		if !w.live[u] {
			continue
		}
		if w.value[u] != deferred {
			w.count(w.value[u], 1)
			continue
		}
		s := &w.skips[w.skipOf[u]]
		arcs := w.skipArcs[s.from:s.to]
		if s.concat == concat {
			for _, a := range arcs {
				w.count(a.at, a.count)
			}
			continue
		}
		if s.vertex == deferred {
			s.vertex = w.addOnce(vertex{kind: Skip, concat: s.concat}, arcs)
		}
		w.count(s.vertex, 1)
	}
	return concat
}

// count adds a multiplicity to the multiset that is being gathered. It
// saturates at 2^64-1, which takes a ladder of 64 doubling skips.
func (w *Identifier) count(v int32, multiplicity uint64) {
	for int(v) >= len(w.counts) {
		w.counts = append(w.counts, 0)
	}
	if w.counts[v] == 0 {
		w.touched = append(w.touched, v)
	}
	if sum := w.counts[v] + multiplicity; sum >= multiplicity {
		w.counts[v] = sum
	} else {
		w.counts[v] = ^uint64(0)
	}
}

// takeCounts returns the gathered multiset, ordered by vertex, and empties it.
// The result is valid until the next call.
func (w *Identifier) takeCounts() []arc {
	slices.Sort(w.touched)
	w.taken = w.taken[:0]
	for _, v := range w.touched {
		w.taken = append(w.taken, arc{at: v, count: w.counts[v]})
		w.counts[v] = 0
	}
	w.touched = w.touched[:0]
	return w.taken
}

// add appends a vertex with the given edges into it and returns its number.
func (w *Identifier) add(made vertex, arcs []arc) int32 {
	made.from = int32(len(w.in))
	w.in = append(w.in, arcs...)
	made.to = int32(len(w.in))
	w.vertices = append(w.vertices, made)
	return int32(len(w.vertices) - 1)
}

// addOnce is add, unless an equal vertex exists, whose number it then returns.
func (w *Identifier) addOnce(made vertex, arcs []arc) int32 {
	made.hash = base(made)
	for _, a := range arcs {
		made.hash += mix(mix(uint64(a.at)) + a.count)
	}
	for v := range w.vertices {
		old := &w.vertices[v]
		if old.hash == made.hash && old.kind == made.kind && old.concat == made.concat && old.label == made.label &&
			slices.Equal(w.in[old.from:old.to], arcs) {
			return int32(v)
		}
	}
	return w.add(made, arcs)
}

// reset empties the working memory for a graph of n nodes.
func (w *Identifier) reset(n int) {
	w.value = resize(w.value, n)
	w.skipOf = resize(w.skipOf, n)
	w.skips = w.skips[:0]
	w.skipArcs = w.skipArcs[:0]
	w.vertices = w.vertices[:0]
	w.in = w.in[:0]
	w.touched = w.touched[:0]
	clear(w.counts)
}

// resize returns a slice of length n in the memory of s if it fits. Its
// contents are of no use.
func resize[T any](s []T, n int) []T {
	return slices.Grow(s[:0], n)[:n]
}
