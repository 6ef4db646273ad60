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
	if prune {
		pruned := plugins.Network{Cells: make([]plugins.Cell, len(n.Cells)), Sequence: n.Sequence}
		for i := range n.Cells {
			pruned.Cells[i] = Prune(v, &n.Cells[i])
		}
		n = &pruned
	}
	steps := Joined(n)
	one := n.Join(v, steps)
	g := Graph{Edges: one.Edges}
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
