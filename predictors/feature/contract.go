package feature

import "github.com/hypernas/hypernas/plugins"

// Contract returns g without the nodes that pass on what they get unchanged:
// operations of [plugins.KindSkip], and of the nodes that joining cells leaves
// inside the graph the inputs and those outputs that one node feeds. What feeds
// such a node then feeds those that it fed; two edges that become one count
// once. Nodes that nothing feeds stay, but for skips, which then pass on
// nothing, and so does the last node. It shares the nodes' attributes with g.
//
// It is what keeps a path of one convolution and two skips from looking longer
// than the convolution alone.
func (g *Graph) Contract(v *plugins.Vocabulary) Graph {
	n := len(g.Nodes)
	fed := make([][]int, n) // the nodes that feed each, in the result's order
	for _, e := range g.Edges {
		fed[e.To] = append(fed[e.To], e.From)
	}
	var c Graph
	sources := make([][]int, n) // the nodes of c that carry what each yields
	seen := make([]int, n)      // by node of c: 1 + the last node that it was found to feed
	for i, node := range g.Nodes {
		var from []int
		for _, p := range fed[i] {
			for _, s := range sources[p] {
				if seen[s] != i+1 {
					seen[s] = i + 1
					from = append(from, s)
				}
			}
		}
		same := false
		switch v.Ops[node.Op].Kind {
		case plugins.KindSkip:
			same = true
		case plugins.KindInput:
			same = len(fed[i]) > 0
		case plugins.KindOutput:
			same = len(from) == 1
		}
		if same && i < n-1 {
			sources[i] = from
			continue
		}
		at := len(c.Nodes)
		c.Nodes, c.Steps = append(c.Nodes, node), append(c.Steps, g.Steps[i])
		for _, s := range from {
			c.Edges = append(c.Edges, plugins.Edge{From: s, To: at})
		}
		sources[i] = []int{at}
	}
	return c
}
