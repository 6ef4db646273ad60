package flow

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Widths of FLAN's code that are no options: see [flanDefaults].
const (
	headWidth  = 200 // of the head's layers
	headLayers = 3
	// updateScale multiplies what refines the embeddings of operations.
	updateScale = .1
)

// flanLayer is the two flows of one layer.
type flanLayer struct {
	dense     *fuse.Parameter[float32] // weights of the dense graph flow
	bias      *fuse.Parameter[float32]
	gate      fit.Linear               // of the dense graph flow, from the operation's embedding
	attended  *fuse.Parameter[float32] // weights of the attention: its queries, keys and values
	attention *fuse.Parameter[float32]
	through   fit.Linear // gate of the attention
	norm      fit.Norm
}

func newFLANLayer(rng *rand.Rand, name string, in, out, embedding int) flanLayer {
	return flanLayer{
		// The code draws these from the width of what comes out.
		dense:     fuse.NewParameter[float32](name+" dense", in, out).Kaiming(rng, out),
		bias:      fuse.NewParameter[float32](name+" bias", out).Kaiming(rng, out),
		gate:      fit.NewLinear(rng, name+" gate", embedding, out),
		attended:  fuse.NewParameter[float32](name+" attended", in, out).Kaiming(rng, in),
		attention: fuse.NewParameter[float32](name+" attention", out).Kaiming(rng, out),
		through:   fit.NewLinear(rng, name+" gate of attention", embedding, out),
		norm:      fit.NewNorm(name, out),
	}
}

// flan is the network's weights.
type flan struct {
	stem
	steps   int
	dropout float64

	forward  []flanLayer
	backward []flanLayer
	turn     [2]fit.Linear // from what reaches the output to what flows back
	update   [2]fit.Linear
	head     []fit.Linear
}

var _ fit.Model[feature.Graph] = (*flan)(nil)

// newFLAN draws the weights. All sums over nodes are divided by largest.
func newFLAN(o *flanOptions, v *plugins.Vocabulary, nodes *feature.Nodes, largest int, rng *rand.Rand) *flan {
	m := &flan{stem: newStem(v, nodes, o.Embedding, largest, rng), steps: o.Timesteps, dropout: o.Dropout}
	in := startWidth
	for l := range o.Layers {
		m.forward = append(m.forward, newFLANLayer(rng, fmt.Sprintf("forward %d", l), in, o.Width, o.Embedding))
		in = o.Width
	}
	if o.Timesteps > 1 {
		m.turn = [2]fit.Linear{fit.NewLinear(rng, "turn", o.Width, o.Width), fit.NewLinear(rng, "turn out", o.Width, o.Width)}
		for l := range o.Layers {
			m.backward = append(m.backward, newFLANLayer(rng, fmt.Sprintf("backward %d", l), o.Width, o.Width, o.Embedding))
		}
		m.update = [2]fit.Linear{
			fit.NewLinear(rng, "update", o.Embedding+2*o.Width, o.Width), fit.NewLinear(rng, "update out", o.Width, o.Embedding),
		}
	}
	for l := range headLayers {
		m.head = append(m.head, fit.NewLinear(rng, fmt.Sprintf("head %d", l), in, headWidth))
		in = headWidth
	}
	m.head = append(m.head, fit.NewLinear(rng, "head out", in, 1))
	return m
}

// Build implements [fit.Model].
func (m *flan) Build(b *fit.Builder, graphs, nodes int) (prediction *gorgonia.Node, set func(int, *feature.Graph)) {
	square := nodes * nodes
	embedding, start, begin := m.begin(b, graphs, nodes)
	forward, feeds := b.Input("forward", graphs, nodes, nodes)
	live, mask := b.Input("mask", graphs, nodes)
	pooled, counts := b.Input("pooled", graphs, nodes)
	var backward, last *gorgonia.Node
	var fed, ends []float32
	if m.steps > 1 {
		backward, fed = b.Input("backward", graphs, nodes, nodes)
		last, ends = b.Input("last", graphs, nodes)
	}

	x := m.flow(b, start, m.forward, embedding, forward, live)
	for range m.steps - 1 {
		z := b.Apply(&kern.Pool[float32]{Scale: 1}, x, last)
		z = b.Linear(b.Linear(z, m.turn[0], true), m.turn[1], false)
		y := b.Apply(&kern.Place[float32]{}, z, last)
		y = m.flow(b, y, m.backward, embedding, backward, live)
		u := b.Apply(&kern.Concat[float32]{}, b.Apply(&kern.Detach[float32]{}, embedding), b.Apply(&kern.Detach[float32]{}, x), y)
		u = b.Linear(b.Linear(u, m.update[0], true), m.update[1], false)
		scale, factor := b.Input("scale", 1)
		factor[0] = updateScale
		embedding = b.Apply(&kern.Add[float32]{}, embedding, b.Apply(&kern.Scale[float32]{}, u, scale))
		x = m.flow(b, start, m.forward, embedding, forward, live)
	}
	z := b.Apply(&kern.Pool[float32]{Scale: m.pool}, x, pooled)
	for i, l := range m.head {
		inner := i < len(m.head)-1
		if z = b.Linear(z, l, inner); inner {
			z = b.Dropout(z, m.dropout)
		}
	}
	return z, func(k int, g *feature.Graph) {
		if g == nil {
			g = &feature.Graph{} // of no nodes: all zeros
		}
		begin(k, g, mask[k*nodes:(k+1)*nodes], counts[k*nodes:(k+1)*nodes])
		if m.steps == 1 {
			g.FlowTo(feeds[k*square:(k+1)*square], nil, nodes)
			return
		}
		g.FlowTo(feeds[k*square:(k+1)*square], fed[k*square:(k+1)*square], nodes)
		ends := ends[k*nodes : (k+1)*nodes]
		clear(ends)
		if n := len(g.Nodes); n > 0 {
			ends[n-1] = 1
		}
	}
}

// flow returns x after the layers, with the operations' embeddings at the gates.
func (m *flan) flow(b *fit.Builder, x *gorgonia.Node, layers []flanLayer, embedding, edges, live *gorgonia.Node) *gorgonia.Node {
	for i, l := range layers {
		dense := b.Apply(&kern.Flow[float32]{},
			b.Apply(&kern.Linear[float32]{}, x, b.Param(l.dense)), b.Linear(embedding, l.gate, false), edges, b.Param(l.bias))
		h := b.Apply(&kern.Linear[float32]{}, x, b.Param(l.attended))
		attended := b.Apply(&kern.GraphAttention[float32]{}, h, h, h, b.Param(l.attention), edges, live, b.Linear(embedding, l.through, false))
		x = b.Apply(&kern.Midpoint[float32]{ReLU: i < len(layers)-1}, dense, b.Norm(attended, l.norm))
	}
	return x
}
