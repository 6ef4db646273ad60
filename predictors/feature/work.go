package feature

import (
	"cmp"
	"math"
	"slices"

	"github.com/hypernas/hypernas/plugins"
)

// Work encodes how much each operation of a network does, where the space's
// numbers tell: it is for chains of blocks, whose choices are numbers that
// multiply (layers x expansion, width x heads), so that neither a column a
// value nor the number alone is linear in what they cost.
//
// The numbers are a step's repeat and the attributes of steps and nodes; one
// that varies at no place is passed over. Operations are those of the steps of
// [plugins.Network.Searched], without inputs, outputs, skips and none. Columns
// come in two groups,
//
//   - by place: for each node the logarithm of the product of its numbers, 0
//     where a network has no operation there;
//   - totals: for each operation of the vocabulary, summed over its nodes, how
//     often it runs (1, or the step's repeat), that times each attribute, and
//     that times the product of all.
//
// A number that isn't positive, such as the heads of a node that has none, is
// left out of products. Columns that are equal in all the networks given are
// left out. Where no number varies, as in spaces of cells, nothing is left.
type Work struct {
	varies  []bool // by number: node attributes, step attributes, repeat
	columns map[task]int
	places  int
}

// task names a column: of the group by place where total is false, with a step
// and a node's index in its cell; else of the totals, with an operation and
// what is summed.
type task struct {
	total    bool
	step, at int
	factor   int // a number's index, or one of the following
}

// What else a total sums.
const (
	factorNone    = -2 // the runs
	factorProduct = -1 // runs times all numbers
)

// NewWork returns the encoding for what varies over networks, which must
// follow v.
func NewWork(v *plugins.Vocabulary, networks []plugins.Network) *Work {
	w := &Work{varies: varying(v, networks), columns: make(map[task]int)}
	if !slices.Contains(w.varies, true) {
		return w
	}
	all := spans(networks, func(n *plugins.Network, add func(task, float64)) { w.visit(v, n, add) })
	var kept []task
	for t, s := range all {
		if s.networks < len(networks) {
			s.low, s.high = min(s.low, 0), max(s.high, 0)
		}
		// Sums of the same numbers in another order differ by rounding.
		if s.high-s.low > 1e-9*max(-s.low, s.high) {
			kept = append(kept, t)
			if !t.total {
				w.places++
			}
		}
	}
	slices.SortFunc(kept, func(t, u task) int {
		switch {
		case t.total != u.total && u.total:
			return -1
		case t.total != u.total:
			return 1
		}
		return cmp.Or(cmp.Compare(t.step, u.step), cmp.Compare(t.at, u.at), cmp.Compare(t.factor, u.factor))
	})
	for i, t := range kept {
		w.columns[t] = i
	}
	return w
}

// varying reports which numbers vary at some place over the networks.
func varying(v *plugins.Vocabulary, networks []plugins.Network) []bool {
	nodes, steps := len(v.NodeAttrs), len(v.CellAttrs)
	varies := make([]bool, nodes+steps+1)
	first := make(map[task]float64)
	look := func(t task, x float64) {
		if was, ok := first[t]; !ok {
			first[t] = x
		} else if was != x {
			varies[t.factor] = true
		}
	}
	for i := range networks {
		for s, step := range networks[i].Searched() {
			for at := range networks[i].Cells[step.Cell].Nodes {
				for k, x := range networks[i].Cells[step.Cell].Nodes[at].Attrs {
					look(task{step: s, at: at, factor: k}, x)
				}
			}
			for k, x := range step.Attrs {
				look(task{step: s, factor: nodes + k}, x)
			}
			look(task{step: s, factor: nodes + steps}, float64(step.Repeat))
		}
	}
	return varies
}

// Dim returns the number of columns.
func (w *Work) Dim() int { return len(w.columns) }

// Places returns the number of columns by place, which stand before the
// totals.
func (w *Work) Places() int { return w.places }

// EncodeTo writes the encoding of n, which must follow v, to dst, whose length
// is Dim. What n has that no network had before leaves no trace in it.
func (w *Work) EncodeTo(dst []float64, v *plugins.Vocabulary, n *plugins.Network) {
	if len(dst) != len(w.columns) {
		panic("feature: length of destination is not the encoding's dimension")
	}
	clear(dst)
	if len(dst) == 0 {
		return
	}
	w.visit(v, n, func(t task, x float64) {
		if i, ok := w.columns[t]; ok {
			dst[i] += x
		}
	})
}

// visit calls f with what each operation of n adds to a column.
func (w *Work) visit(v *plugins.Vocabulary, n *plugins.Network, f func(task, float64)) {
	nodes, steps := len(v.NodeAttrs), len(v.CellAttrs)
	for s, step := range n.Searched() {
		runs := 1.0
		if w.varies[nodes+steps] {
			runs = float64(step.Repeat)
		}
		for at, node := range n.Cells[step.Cell].Nodes {
			switch v.Ops[node.Op].Kind {
			case plugins.KindInput, plugins.KindOutput, plugins.KindNone, plugins.KindSkip:
				continue
			}
			product := runs
			number := func(k int, x float64) {
				if !w.varies[k] {
					return
				}
				f(task{total: true, at: node.Op, factor: k}, runs*x)
				if x > 0 {
					product *= x
				}
			}
			for k, x := range node.Attrs {
				number(k, x)
			}
			for k, x := range step.Attrs {
				number(nodes+k, x)
			}
			f(task{step: s, at: at}, math.Log(product))
			f(task{total: true, at: node.Op, factor: factorNone}, runs)
			f(task{total: true, at: node.Op, factor: factorProduct}, product)
		}
	}
}
