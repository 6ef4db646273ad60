package np

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/predictors/feature"
)

// model is the network's weights: none of its layers has a bias (model.py).
type model struct {
	nodes    *feature.Nodes
	layers   [][2]*fuse.Parameter[float32] // W+ and W- of each graph layer
	fc1, fc2 *fuse.Parameter[float32]
	dropout  float64
}

var _ fit.Model[feature.Graph] = (*model)(nil)

// newModel draws the weights: Xavier-uniform in the graph layers, PyTorch's
// default for a linear layer, uniform in 1/sqrt(inputs), in the others.
func newModel(o *options, nodes *feature.Nodes, rng *rand.Rand) *model {
	m := &model{nodes: nodes, dropout: o.Dropout}
	in := nodes.Dim()
	for l := range o.Layers {
		m.layers = append(m.layers, [2]*fuse.Parameter[float32]{
			fuse.NewParameter[float32](fmt.Sprintf("layer %d forward", l), in, o.Width).Xavier(rng),
			fuse.NewParameter[float32](fmt.Sprintf("layer %d backward", l), in, o.Width).Xavier(rng),
		})
		in = o.Width
	}
	m.fc1 = fuse.NewParameter[float32]("fc1", o.Width, o.Hidden).Kaiming(rng, o.Width)
	m.fc2 = fuse.NewParameter[float32]("fc2", o.Hidden, 1).Kaiming(rng, o.Hidden)
	return m
}

// Size implements [fit.Model].
func (m *model) Size(g *feature.Graph) int { return fit.Pad(len(g.Nodes), 8) }

// Build implements [fit.Model].
func (m *model) Build(b *fit.Builder, graphs, nodes int) (prediction *gorgonia.Node, set func(int, *feature.Graph)) {
	width, square := m.nodes.Dim(), nodes*nodes
	x, rows := b.Input("nodes", graphs, nodes, width)
	e, forward := b.Input("forward", graphs, nodes, nodes)
	r, backward := b.Input("backward", graphs, nodes, nodes)
	live, mask := b.Input("mask", graphs, nodes)
	for _, w := range m.layers {
		x = b.Dropout(b.Apply(&kern.Graph[float32]{}, x, e, r, b.Param(w[0]), b.Param(w[1])), m.dropout)
	}
	z := b.Apply(&kern.Pool[float32]{}, x, live)
	z = b.Dropout(b.Apply(&kern.Linear[float32]{}, z, b.Param(m.fc1)), m.dropout)
	return b.Apply(&kern.Linear[float32]{}, z, b.Param(m.fc2)), func(k int, g *feature.Graph) {
		if g == nil {
			g = &feature.Graph{} // of no nodes: all zeros
		}
		m.nodes.GraphTo(rows[k*nodes*width:(k+1)*nodes*width], mask[k*nodes:(k+1)*nodes], g)
		feature.AdjacencyTo(forward[k*square:(k+1)*square], backward[k*square:(k+1)*square], nodes, len(g.Nodes), g.Edges, true)
	}
}
