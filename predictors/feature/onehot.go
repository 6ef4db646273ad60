package feature

import (
	"cmp"
	"slices"

	"github.com/hypernas/hypernas/plugins"
)

// OneHot encodes a network by the choices at each place of it, as they vary
// over the networks that it was made from. A place is a step of
// [plugins.Network.Searched] and a node of that step's cell, the output node
// being the same place in every cell, whatever its size; a network that has
// no such place has zeros there. The columns are
//
//   - one for each operation that occurs at a place: 1 where it stands there;
//   - one for each edge between two places of a cell: how often it is there;
//   - one for each value of an attribute of a node or step, and of a step's
//     repeat: 1 where it has that value;
//   - one for each such attribute as a number, from 0 for the smallest to 1
//     for the largest value seen, so that values between those that were seen
//     mean something.
//
// Columns that are equal in all the networks given are left out.
type OneHot struct {
	columns map[place]column
}

// place names a column.
type place struct {
	step  int
	what  choice
	a, b  int
	value float64 // the operation or the attribute's value that the column is 1 for
}

// choice is a kind of column.
type choice int

const (
	operation  choice = iota // of node a
	edge                     // from a to b
	nodeValue                // attribute b of node a
	nodeNumber               // the same
	stepValue                // attribute a of the step, its repeat after the last
	stepNumber               // the same
)

// outputNode is the place of a cell's output node.
const outputNode = -1

// column is where a place goes, and the affine map that takes its values
// there.
type column struct {
	index      int
	low, scale float64
}

// span is what networks have at one place: how many have something there, and
// its least and largest sum in one network.
type span struct {
	networks  int
	low, high float64
}

// spans returns the span of every place that visit adds something to, for any
// of the networks.
func spans[P comparable](networks []plugins.Network, visit func(n *plugins.Network, add func(P, float64))) map[P]span {
	all := make(map[P]span)
	sums := make(map[P]float64)
	for i := range networks {
		clear(sums)
		visit(&networks[i], func(p P, x float64) { sums[p] += x })
		for p, x := range sums {
			s, ok := all[p]
			if !ok {
				s.low, s.high = x, x
			}
			all[p] = span{s.networks + 1, min(s.low, x), max(s.high, x)}
		}
	}
	return all
}

// NewOneHot returns the encoding for what varies over networks, which must
// follow v.
func NewOneHot(v *plugins.Vocabulary, networks []plugins.Network) *OneHot {
	return newOneHot(v, networks, func(*place) bool { return true })
}

// newOneHot returns the columns of NewOneHot that take accepts.
func newOneHot(v *plugins.Vocabulary, networks []plugins.Network, take func(*place) bool) *OneHot {
	all := spans(networks, func(n *plugins.Network, add func(place, float64)) {
		visit(v, n, func(p place, x float64) {
			if take(&p) {
				add(p, x)
			}
		})
	})
	var kept []place
	for p, s := range all {
		switch {
		case p.number():
			if s.low < s.high {
				kept = append(kept, p)
			}
		case s.networks < len(networks) || s.low < s.high:
			kept = append(kept, p)
		}
	}
	slices.SortFunc(kept, func(p, q place) int {
		return cmp.Or(cmp.Compare(p.step, q.step), cmp.Compare(p.what, q.what), cmp.Compare(p.a, q.a), cmp.Compare(p.b, q.b), cmp.Compare(p.value, q.value))
	})
	e := &OneHot{columns: make(map[place]column, len(kept))}
	for i, p := range kept {
		c := column{index: i, scale: 1}
		if p.number() {
			c.low, c.scale = all[p].low, 1/(all[p].high-all[p].low)
		}
		e.columns[p] = c
	}
	return e
}

// number reports whether p's column holds an attribute as a number.
func (p *place) number() bool { return p.what == nodeNumber || p.what == stepNumber }

// Dim returns the number of columns.
func (e *OneHot) Dim() int { return len(e.columns) }

// EncodeTo writes the encoding of n, which must follow v, to dst, whose length
// is Dim. What n has that no network had before leaves no trace in it.
func (e *OneHot) EncodeTo(dst []float64, v *plugins.Vocabulary, n *plugins.Network) {
	if len(dst) != len(e.columns) {
		panic("feature: length of destination is not the encoding's dimension")
	}
	clear(dst)
	visit(v, n, func(p place, x float64) {
		if c, ok := e.columns[p]; ok {
			dst[c.index] += (x - c.low) * c.scale
		}
	})
}

// visit calls f with every place that n has and the value there.
func visit(v *plugins.Vocabulary, n *plugins.Network, f func(place, float64)) {
	for s, step := range n.Searched() {
		c := &n.Cells[step.Cell]
		node := func(i int) int {
			if i == len(c.Nodes)-1 {
				return outputNode
			}
			return i
		}
		for i := range c.Nodes {
			f(place{step: s, what: operation, a: node(i), value: float64(c.Nodes[i].Op)}, 1)
			for k, x := range c.Nodes[i].Attrs {
				f(place{step: s, what: nodeValue, a: node(i), b: k, value: x}, 1)
				f(place{step: s, what: nodeNumber, a: node(i), b: k}, x)
			}
		}
		for _, e := range c.Edges {
			f(place{step: s, what: edge, a: node(e.From), b: node(e.To)}, 1)
		}
		attribute := func(k int, x float64) {
			f(place{step: s, what: stepValue, a: k, value: x}, 1)
			f(place{step: s, what: stepNumber, a: k}, x)
		}
		for k, x := range step.Attrs {
			attribute(k, x)
		}
		attribute(len(v.CellAttrs), float64(step.Repeat))
	}
}
