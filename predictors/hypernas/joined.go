package hypernas

import (
	"math"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// joiner turns whole networks into one graph each, for the encoder that is
// pretrained without labels. What the graph is follows from the wire form:
//
//   - chains of blocks: a node for each block that is searched, in a row. A node
//     carries how often the block holds each operation, the attributes of its
//     step, the sums of its nodes' attributes and the logarithm of its repeat.
//   - everything else: the searched cells joined ([plugins.Network.Join]), dead
//     operations removed, a node for each operation, as [feature.Nodes] has it.
type joiner struct {
	vocabulary plugins.Vocabulary
	nodes      *feature.Nodes  // nil where nodes are blocks
	blocks     feature.Scaling // of what describes a block
}

// graph is an architecture as the pretrained encoder reads it.
type graph struct {
	nodes []float32 // [count, dim]
	count int
	edges []plugins.Edge
}

// newJoiner returns the joiner for networks like those given, which must follow
// v.
func newJoiner(v *plugins.Vocabulary, networks []plugins.Network) *joiner {
	j := &joiner{vocabulary: *v}
	chain := false
	for i := range networks {
		steps := networks[i].Searched()
		chain = chain || len(steps) > 1 && networks[i].Cells[steps[0].Cell].Role == plugins.RoleBlock
	}
	if !chain {
		j.nodes = feature.NewNodes(v, networks, feature.Joined)
		return j
	}
	var rows []float64
	width := j.blockWidth()
	for i := range networks {
		for _, s := range feature.Joined(&networks[i]) {
			rows = append(rows, make([]float64, width)...)
			j.blockTo(rows[len(rows)-width:], &networks[i], &s)
		}
	}
	j.blocks = feature.NewScaling(rows, width, false)
	return j
}

// blockWidth returns how many numbers describe a block before scaling.
func (j *joiner) blockWidth() int {
	return len(j.vocabulary.Ops) + len(j.vocabulary.NodeAttrs) + len(j.vocabulary.CellAttrs) + 1
}

// blockTo writes what describes the block of step s to dst, which is zero.
func (j *joiner) blockTo(dst []float64, n *plugins.Network, s *plugins.Step) {
	ops := len(j.vocabulary.Ops)
	for _, node := range n.Cells[s.Cell].Nodes {
		dst[node.Op]++
		for k, x := range node.Attrs {
			dst[ops+k] += x
		}
	}
	k := ops + len(j.vocabulary.NodeAttrs)
	k += copy(dst[k:], s.Attrs)
	dst[k] = math.Log(float64(s.Repeat))
}

// dim returns the number of features of a node.
func (j *joiner) dim() int {
	if j.nodes != nil {
		return j.nodes.Dim()
	}
	return max(j.blocks.Dim(), 1) // a graph needs a column, though nothing varies
}

// read returns n as one graph.
func (j *joiner) read(n *plugins.Network) graph {
	width := j.dim()
	if j.nodes != nil {
		joined := feature.Join(&j.vocabulary, n, true)
		g := graph{nodes: make([]float32, len(joined.Nodes)*width), count: len(joined.Nodes), edges: joined.Edges}
		for i := range joined.Nodes {
			j.nodes.EncodeTo(g.nodes[i*width:(i+1)*width], &joined.Nodes[i], &joined.Steps[i])
		}
		return g
	}
	steps := feature.Joined(n)
	g := graph{nodes: make([]float32, len(steps)*width), count: len(steps)}
	scaled := make([]float64, j.blocks.Dim())
	for i := range steps {
		row := make([]float64, j.blockWidth())
		j.blockTo(row, n, &steps[i])
		j.blocks.To(scaled, row)
		copy(g.nodes[i*width:], unit(scaled))
		if i > 0 {
			g.edges = append(g.edges, plugins.Edge{From: i - 1, To: i})
		}
	}
	return g
}
