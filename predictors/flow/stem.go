package flow

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// startWidth is the width of the nodes' first vectors, in both authors' code.
const startWidth = 96

// stem is what both networks begin with: embeddings of operations, which are the
// gates, and first vectors, which tell sources from other nodes.
type stem struct {
	vocabulary *plugins.Vocabulary
	nodes      *feature.Nodes
	pool       float32                  // factor of the sum over nodes
	operations *fuse.Parameter[float32] // embeddings of operations
	kinds      *fuse.Parameter[float32] // embeddings of sources and of other nodes
	start      fit.Linear
}

// newStem draws the weights. All sums over nodes are divided by largest.
func newStem(v *plugins.Vocabulary, nodes *feature.Nodes, embedding, largest int, rng *rand.Rand) stem {
	s := stem{vocabulary: v, nodes: nodes, pool: 1 / float32(largest)}
	s.operations = fuse.NewParameter[float32]("operations", nodes.Dim(), embedding).Normal(rng, 1)
	// Numbers that stand beside an operation weigh as much as it does.
	if numbers := nodes.Dim() - len(v.Ops); numbers > 0 {
		scale := float32(1 / math.Sqrt(float64(numbers)))
		rows := s.operations.Data[len(v.Ops)*embedding:]
		for i := range rows {
			rows[i] *= scale
		}
	}
	s.kinds = fuse.NewParameter[float32]("kinds of node", 2, embedding).Normal(rng, 1)
	clear(s.kinds.Data[embedding:]) // other nodes begin with zeros
	s.start = fit.NewLinear(rng, "start", embedding, startWidth)
	return s
}

// Size implements [fit.Model]. Steps are longer where graphs are, since a network
// is kept for each size.
func (s *stem) Size(g *feature.Graph) int {
	if n := len(g.Nodes); n > 16 {
		return fit.Pad(n, 16)
	}
	return fit.Pad(len(g.Nodes), 4)
}

// begin adds the embeddings of operations and the first vectors of nodes. set
// writes graph k, marking its nodes in live and those that count in the pooled
// sum, which are not sources, in pooled; these may be one slice.
func (s *stem) begin(b *fit.Builder, graphs, nodes int) (embedding, start *gorgonia.Node, set func(k int, g *feature.Graph, live, pooled []float32)) {
	width := s.nodes.Dim()
	operations, rows := b.Input("operations", graphs, nodes, width)
	kinds, flags := b.Input("kinds of node", graphs, nodes, 2)
	embedding = b.Apply(&kern.Linear[float32]{}, operations, b.Param(s.operations))
	start = b.Linear(b.Apply(&kern.Linear[float32]{}, kinds, b.Param(s.kinds)), s.start, false)
	return embedding, start, func(k int, g *feature.Graph, live, pooled []float32) {
		own := rows[k*nodes*width : (k+1)*nodes*width]
		s.nodes.GraphTo(own, live, g)
		copy(pooled, live)
		flags := flags[k*nodes*2 : (k+1)*nodes*2]
		clear(flags)
		for i, source := range g.Sources(s.vocabulary) {
			if !source {
				flags[2*i+1] = 1
				continue
			}
			flags[2*i], pooled[i] = 1, 0
			clear(own[i*width : (i+1)*width]) // a source has no operation
		}
	}
}
