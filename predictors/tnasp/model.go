package tnasp

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/predictors/feature"
)

// example is a graph and the positions of its nodes, nil where none are used.
type example struct {
	feature.Graph
	positions []float32
}

// layer is one layer of the encoder: attention, its output projection, and the
// position-wise network, each with a layer norm of the sum with its input.
type layer struct {
	attention fit.Attention
	project   *fuse.Parameter[float32]
	norm      fit.Norm
	feed      fit.FeedForward
}

// model is the network's weights.
type model struct {
	nodes     *feature.Nodes
	positions int                      // numbers of a node's position
	embedding *fuse.Parameter[float32] // of operations and numbers
	position  fit.Linear               // not drawn where positions is 0
	norm      fit.Norm
	layers    []layer
	fc1, fc2  *fuse.Parameter[float32]
	dropout   float64
}

var _ fit.Model[example] = (*model)(nil)

// newModel draws the weights as PyTorch does by default: embeddings from the
// standard normal distribution, linear layers uniform in 1/sqrt(inputs).
func newModel(o *options, nodes *feature.Nodes, positions int, rng *rand.Rand) *model {
	m := &model{nodes: nodes, positions: positions, dropout: o.Dropout}
	m.embedding = fuse.NewParameter[float32]("embedding", nodes.Dim(), o.Width).Normal(rng, 1)
	if positions > 0 {
		m.position = fit.NewLinear(rng, "position", positions, o.Width)
	}
	m.norm = fit.NewNorm("norm", o.Width)
	for i := range o.Layers {
		name := fmt.Sprintf("layer %d", i)
		m.layers = append(m.layers, layer{
			attention: fit.NewAttention(rng, name, o.Width, o.Heads, o.Head),
			project:   fuse.NewParameter[float32](name+" projection", o.Heads*o.Head, o.Width).Kaiming(rng, o.Heads*o.Head),
			norm:      fit.NewNorm(name+" norm", o.Width),
			feed:      fit.NewFeedForward(rng, name, o.Width, o.Inner),
		})
	}
	m.fc1 = fuse.NewParameter[float32]("fc1", o.Width, o.Hidden).Kaiming(rng, o.Width)
	m.fc2 = fuse.NewParameter[float32]("fc2", o.Hidden, 1).Kaiming(rng, o.Hidden)
	return m
}

// Size implements [fit.Model].
func (m *model) Size(e *example) int { return fit.Pad(len(e.Nodes), 8) }

// Build implements [fit.Model].
func (m *model) Build(b *fit.Builder, graphs, nodes int) (prediction *gorgonia.Node, set func(int, *example)) {
	width, places := m.nodes.Dim(), m.positions
	ops, rows := b.Input("nodes", graphs, nodes, width)
	live, mask := b.Input("mask", graphs, nodes)
	x := b.Apply(&kern.Linear[float32]{}, ops, b.Param(m.embedding))
	var positions []float32
	if places > 0 {
		var at *gorgonia.Node
		at, positions = b.Input("positions", graphs, nodes, places)
		x = b.Apply(&kern.Add[float32]{}, x, b.Linear(at, m.position, false))
	}
	x = b.Norm(b.Dropout(x, m.dropout), m.norm)
	for _, l := range m.layers {
		y := b.Attention(x, live, l.attention, m.dropout)
		x = b.Residual(x, b.Apply(&kern.Linear[float32]{}, y, b.Param(l.project)), l.norm, m.dropout)
		x = b.FeedForward(x, l.feed, m.dropout)
	}
	z := b.Apply(&kern.Linear[float32]{}, b.Apply(&kern.Pool[float32]{}, x, live), b.Param(m.fc1))
	return b.Apply(&kern.Linear[float32]{}, b.Dropout(z, m.dropout), b.Param(m.fc2)), func(k int, e *example) {
		if e == nil {
			e = &example{} // of no nodes: all zeros
		}
		m.nodes.GraphTo(rows[k*nodes*width:(k+1)*nodes*width], mask[k*nodes:(k+1)*nodes], &e.Graph)
		if places > 0 {
			dst := positions[k*nodes*places : (k+1)*nodes*places]
			clear(dst[copy(dst, e.positions):])
		}
	}
}
