package transformer

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

// layer is one layer of the encoder: sets, where there are any, and attention
// side by side, their output projection, and the position-wise network, each of
// both with a layer norm of the sum with its input.
type layer struct {
	attention fit.Attention
	sets      *sets // nil in tnasp
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
	sets      *sets                    // of the operations, part of the embedding; nil in tnasp
	norm      fit.Norm
	layers    []layer
	fc1, fc2  *fuse.Parameter[float32]
	dropout   float64
}

var _ fit.Model[example] = (*model)(nil)

// newModel draws the weights as PyTorch does by default: embeddings from the
// standard normal distribution, linear layers uniform in 1/sqrt(inputs).
func newModel(o *setOptions, nodes *feature.Nodes, positions int, rng *rand.Rand) *model {
	m := &model{nodes: nodes, positions: positions, dropout: o.Dropout}
	m.embedding = fuse.NewParameter[float32]("embedding", nodes.Dim(), o.Width).Normal(rng, 1)
	if positions > 0 {
		m.position = fit.NewLinear(rng, "position", positions, o.Width)
	}
	if o.SetHeads > 0 {
		m.sets = newSets(rng, "sets", nodes.Dim(), embeddingHeads, o.SetWidth, o.Width)
	}
	m.norm = fit.NewNorm("norm", o.Width)
	for i := range o.Layers {
		name, width := fmt.Sprintf("layer %d", i), (o.Heads+o.SetHeads)*o.Head
		l := layer{attention: fit.NewAttention(rng, name, o.Width, o.Heads, o.Head)}
		if o.SetHeads > 0 {
			l.sets = newSets(rng, name+" sets", o.Width, o.SetHeads, o.SetWidth, o.SetHeads*o.Head)
		}
		l.project = fuse.NewParameter[float32](name+" projection", width, o.Width).Kaiming(rng, width)
		l.norm = fit.NewNorm(name+" norm", o.Width)
		l.feed = fit.NewFeedForward(rng, name, o.Width, o.Inner)
		m.layers = append(m.layers, l)
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
	var from *gorgonia.Node
	var senders []float32
	if m.sets != nil {
		from, senders = b.Input("senders", graphs, nodes, nodes)
	}
	x := b.Apply(&kern.Linear[float32]{}, ops, b.Param(m.embedding))
	var positions []float32
	if places > 0 {
		var at *gorgonia.Node
		at, positions = b.Input("positions", graphs, nodes, places)
		x = b.Apply(&kern.Add[float32]{}, x, b.Linear(at, m.position, false))
	}
	x = b.Dropout(x, m.dropout)
	if m.sets != nil {
		x = b.Residual(x, m.sets.apply(b, ops, from), m.norm, m.dropout)
	} else {
		x = b.Norm(x, m.norm)
	}
	for _, l := range m.layers {
		// Sets come first: in what order x is used decides in what order its
		// gradients are summed.
		var heads *gorgonia.Node
		if l.sets != nil {
			heads = l.sets.apply(b, x, from)
		}
		y := b.Attention(x, live, l.attention, m.dropout)
		if heads != nil {
			y = b.Apply(&kern.Concat[float32]{}, heads, y)
		}
		x = b.Residual(x, b.Apply(&kern.Linear[float32]{}, y, b.Param(l.project)), l.norm, m.dropout)
		x = b.FeedForward(x, l.feed, m.dropout)
	}
	z := b.Apply(&kern.Linear[float32]{}, b.Apply(&kern.Pool[float32]{}, x, live), b.Param(m.fc1))
	return b.Apply(&kern.Linear[float32]{}, b.Dropout(z, m.dropout), b.Param(m.fc2)), func(k int, e *example) {
		if e == nil {
			e = &example{} // of no nodes: all zeros
		}
		m.nodes.GraphTo(rows[k*nodes*width:(k+1)*nodes*width], mask[k*nodes:(k+1)*nodes], &e.Graph)
		if m.sets != nil {
			sendersTo(senders[k*nodes*nodes:(k+1)*nodes*nodes], nodes, &e.Graph)
		}
		if places > 0 {
			dst := positions[k*nodes*places : (k+1)*nodes*places]
			clear(dst[copy(dst, e.positions):])
		}
	}
}
