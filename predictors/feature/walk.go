package feature

import "github.com/hypernas/hypernas/plugins"

// cellGraph is a cell without its dead operations.
type cellGraph struct {
	in        [][]int // live nodes that a live node reads
	live      []bool
	input     []int  // 0, or which of the inputs, from 1, a node is
	operation []bool // neither input, output nor none, dead or live
}

func newCellGraph(v *plugins.Vocabulary, c *plugins.Cell) *cellGraph {
	g := &cellGraph{
		in: make([][]int, len(c.Nodes)), live: Live(v, c),
		input: make([]int, len(c.Nodes)), operation: make([]bool, len(c.Nodes)),
	}
	inputs := 0
	for i, node := range c.Nodes {
		kind := v.Ops[node.Op].Kind
		if kind == plugins.KindInput {
			inputs++
			g.input[i] = inputs
		}
		g.operation[i] = kind != plugins.KindInput && kind != plugins.KindOutput && kind != plugins.KindNone
	}
	for _, e := range c.Edges {
		if g.live[e.From] && g.live[e.To] {
			g.in[e.To] = append(g.in[e.To], e.From)
		}
	}
	return g
}

// count returns, over the paths from a source (0 for all inputs) to the output
// that pass only operations for which use is true, the greatest, the least and
// the summed number of operations for which mark is true, and the number of
// paths. A nil slice is true for all.
func (g *cellGraph) count(source int, use, mark []bool) (most, least, sum, paths float64) {
	type tally struct{ most, least, sum, paths float64 }
	at := make([]tally, len(g.in))
	for i := range g.in {
		if !g.live[i] || (g.operation[i] && use != nil && !use[i]) {
			continue
		}
		t := tally{}
		if g.input[i] > 0 && (source == 0 || source == g.input[i]) {
			t.paths = 1
		}
		for _, p := range g.in[i] {
			if f := at[p]; f.paths > 0 {
				if t.paths == 0 {
					t = f
					continue
				}
				t = tally{max(t.most, f.most), min(t.least, f.least), t.sum + f.sum, t.paths + f.paths}
			}
		}
		if t.paths > 0 && g.operation[i] && (mark == nil || mark[i]) {
			t.most++
			t.least++
			t.sum += t.paths
		}
		at[i] = t
	}
	t := at[len(at)-1]
	return t.most, t.least, t.sum, t.paths
}
