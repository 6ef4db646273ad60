package nao

import (
	"math"
	"slices"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

const (
	// mostDistance is the longest edge, in places of the topological order, that
	// has a token of its own; longer ones share it.
	mostDistance = 16
	// mostLevels is how many values of an attribute have a token each.
	mostLevels = 32
)

// language turns an architecture into a sequence of tokens. A node in
// topological order is: where a step begins, a token for each of the step's
// attributes that vary (the logarithm of its repeat among them); a token for
// each edge that leads to it, by how many places back it comes from, nearest
// last; a token for each of the node's attributes that vary; its operation.
// Token 0 begins the decoder's input and fills what is beyond the end.
type language struct {
	ops        int
	attributes []attribute // of steps, then of nodes
	size       int         // tokens
}

// attribute is a number that varies over the training set, with those of its
// values that have tokens, in order; another value takes the nearest one's.
type attribute struct {
	index  int
	ofNode bool
	levels []float64
	first  int // token of levels[0]
}

// newLanguage returns the language of graphs that follow v: levels are values
// that occur, at most mostLevels, evenly spread over their ranks.
func newLanguage(v *plugins.Vocabulary, graphs []feature.Graph) *language {
	l := &language{ops: len(v.Ops), size: 1 + len(v.Ops) + mostDistance}
	add := func(index int, ofNode bool, value func(g *feature.Graph, i int) float64) {
		var seen []float64
		for k := range graphs {
			for i := range graphs[k].Nodes {
				seen = append(seen, value(&graphs[k], i))
			}
		}
		slices.Sort(seen)
		levels := slices.Compact(seen)
		if len(levels) < 2 {
			return
		}
		if n := len(levels); n > mostLevels {
			some := make([]float64, mostLevels)
			for i := range some {
				some[i] = levels[i*(n-1)/(mostLevels-1)]
			}
			levels = some
		}
		l.attributes = append(l.attributes, attribute{index, ofNode, levels, l.size})
		l.size += len(levels)
	}
	for j := range len(v.CellAttrs) + 1 {
		add(j, false, func(g *feature.Graph, i int) float64 { return stepValue(&g.Steps[i], j) })
	}
	for j := range v.NodeAttrs {
		add(j, true, func(g *feature.Graph, i int) float64 { return g.Nodes[i].Attrs[j] })
	}
	return l
}

// stepValue returns attribute j of a step; after them comes the logarithm of
// its repeat.
func stepValue(s *plugins.Step, j int) float64 {
	if j < len(s.Attrs) {
		return s.Attrs[j]
	}
	return math.Log(float64(s.Repeat))
}

// token returns the token of the level nearest to x, the lower one of two.
func (a *attribute) token(x float64) int {
	best := 0
	for i, level := range a.levels {
		if math.Abs(level-x) < math.Abs(a.levels[best]-x) {
			best = i
		}
	}
	return a.first + best
}

// write returns g as tokens. starts says of each node whether a step begins
// there.
func (l *language) write(g *feature.Graph, starts []bool) []int {
	back := make([][]int, len(g.Nodes))
	for _, e := range g.Edges {
		back[e.To] = append(back[e.To], e.To-e.From)
	}
	var tokens []int
	for i := range g.Nodes {
		for k := range l.attributes {
			if a := &l.attributes[k]; !a.ofNode && starts[i] {
				tokens = append(tokens, a.token(stepValue(&g.Steps[i], a.index)))
			}
		}
		slices.Sort(back[i])
		for _, d := range slices.Backward(back[i]) {
			tokens = append(tokens, l.ops+min(d, mostDistance))
		}
		for k := range l.attributes {
			if a := &l.attributes[k]; a.ofNode {
				tokens = append(tokens, a.token(g.Nodes[i].Attrs[a.index]))
			}
		}
		tokens = append(tokens, 1+g.Nodes[i].Op)
	}
	return tokens
}

// starts says of each node of g whether a step begins there: an input after a
// node that is not one.
func starts(v *plugins.Vocabulary, g *feature.Graph) []bool {
	list := make([]bool, len(g.Nodes))
	before := false
	for i, n := range g.Nodes {
		input := v.Ops[n.Op].Kind == plugins.KindInput
		list[i] = input && !before
		before = input
	}
	return list
}
