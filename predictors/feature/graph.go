package feature

import "github.com/hypernas/hypernas/plugins"

// Graph is an architecture as one graph, nodes in topological order, with the
// step that each node stands in.
type Graph struct {
	Nodes []plugins.Node
	Steps []plugins.Step // of each node
	Edges []plugins.Edge
}

// Join returns the searched cells of n joined to one graph; see
// [plugins.Network.Join]. With prune, dead operations are removed first.
func Join(v *plugins.Vocabulary, n *plugins.Network, prune bool) Graph {
	steps := Joined(n)
	if prune {
		pruned := plugins.Network{Cells: make([]plugins.Cell, len(n.Cells)), Sequence: n.Sequence}
		for _, s := range steps {
			if pruned.Cells[s.Cell].Nodes == nil {
				pruned.Cells[s.Cell] = Prune(v, &n.Cells[s.Cell])
			}
		}
		n = &pruned
	}
	one := n.Join(v, steps)
	g := Graph{Edges: one.Edges, Nodes: make([]plugins.Node, 0, len(one.Ops)), Steps: make([]plugins.Step, 0, len(one.Ops))}
	for i, op := range one.Ops {
		g.Nodes = append(g.Nodes, plugins.Node{Op: op, Attrs: one.Attrs[i]})
		g.Steps = append(g.Steps, steps[one.Steps[i]])
	}
	return g
}

// Joined returns the steps that make up a network's one graph: those that are
// searched, or all where nothing is.
func Joined(n *plugins.Network) []plugins.Step {
	if steps := n.Searched(); len(steps) > 0 {
		return steps
	}
	return n.Sequence
}

// FlowTo writes which nodes of g feed which to forward, and the transpose to
// backward, both stride x stride with a border of zeros where stride exceeds
// the number of nodes: element (i, j) of forward is 1 where an edge leads from
// j to i, of backward where one leads from i to j. Backward may be nil.
func (g *Graph) FlowTo(forward, backward []float32, stride int) {
	clear(forward[:stride*stride])
	if backward != nil {
		clear(backward[:stride*stride])
	}
	for _, e := range g.Edges {
		forward[e.To*stride+e.From] = 1
		if backward != nil {
			backward[e.From*stride+e.To] = 1
		}
	}
}

// Sources reports for each node of g whether it is an input that nothing feeds:
// where what the network is given comes in.
func (g *Graph) Sources(v *plugins.Vocabulary) []bool {
	sources := make([]bool, len(g.Nodes))
	for i, n := range g.Nodes {
		sources[i] = v.Ops[n.Op].Kind == plugins.KindInput
	}
	for _, e := range g.Edges {
		sources[e.To] = false
	}
	return sources
}
