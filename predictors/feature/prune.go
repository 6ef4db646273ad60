package feature

import (
	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
)

// Live reports for each node of c whether it lies on a path from an input to
// the output that passes no operation of [plugins.KindNone]. Where there is no
// such path nothing is live. c must be valid.
func Live(v *plugins.Vocabulary, c *plugins.Cell) []bool {
	return dag.Live(graph(v, c))
}

// Prune returns c without its dead operations: the nodes that are not live
// and the edges to and from them. Inputs and the output stay in any case, so
// that the cell remains valid. It shares the nodes' attributes with c.
//
// Dead operations are what keeps cells that compute the same from looking the
// same. On NAS-Bench-201 a graph encoder gains .08 in tau from their removal.
func Prune(v *plugins.Vocabulary, c *plugins.Cell) plugins.Cell {
	live := Live(v, c)
	at := make([]int, len(c.Nodes))
	pruned := plugins.Cell{
		Role: c.Role, Fixed: c.Fixed,
		Nodes: make([]plugins.Node, 0, len(c.Nodes)), Edges: make([]plugins.Edge, 0, len(c.Edges)),
	}
	for i, node := range c.Nodes {
		kind := v.Ops[node.Op].Kind
		if !live[i] && kind != plugins.KindInput && kind != plugins.KindOutput {
			at[i] = -1
			continue
		}
		at[i] = len(pruned.Nodes)
		pruned.Nodes = append(pruned.Nodes, node)
	}
	for _, e := range c.Edges {
		if live[e.From] && live[e.To] {
			pruned.Edges = append(pruned.Edges, plugins.Edge{From: at[e.From], To: at[e.To]})
		}
	}
	return pruned
}

// graph returns c as package dag has it, labeled by the operations' names.
func graph(v *plugins.Vocabulary, c *plugins.Cell) dag.Graph {
	g := make(dag.Graph, len(c.Nodes))
	for i, node := range c.Nodes {
		op := v.Ops[node.Op]
		g[i] = dag.Node{Kind: kind(op.Kind), Label: op.Name}
	}
	in := make([]int, len(c.Nodes)) // how many edges lead to each
	for _, e := range c.Edges {
		in[e.To]++
	}
	from := make([]int, len(c.Edges))
	for i, n := range in {
		g[i].In, from = from[:0:n], from[n:]
	}
	for _, e := range c.Edges {
		g[e.To].In = append(g[e.To].In, e.From)
	}
	return g
}

// kind returns the part that operations of kind k play in a function.
func kind(k plugins.Kind) dag.Kind {
	switch k {
	case plugins.KindInput:
		return dag.Input
	case plugins.KindOutput:
		return dag.Output
	case plugins.KindNone:
		return dag.None
	case plugins.KindSkip:
		return dag.Skip
	}
	if k.HasWeights() {
		return dag.Weighted
	}
	return dag.Weightless
}
