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

// gatesLayer is one step of the flow.
type gatesLayer struct {
	weights, bias *fuse.Parameter[float32]
	gate          fit.Linear // from the operation's embedding
}

// gates is the network's weights.
type gates struct {
	stem
	dropout float64

	layers []gatesLayer
	head   [2]fit.Linear
}

var _ fit.Model[feature.Graph] = (*gates)(nil)

// newGATES draws the weights. All sums over nodes are divided by largest.
func newGATES(o *gatesOptions, v *plugins.Vocabulary, nodes *feature.Nodes, largest int, rng *rand.Rand) *gates {
	m := &gates{stem: newStem(v, nodes, o.Embedding, largest, rng), dropout: o.Dropout}
	in := startWidth
	for l := range o.Layers {
		name := fmt.Sprintf("layer %d", l)
		m.layers = append(m.layers, gatesLayer{
			// The authors draw these from the width of what comes out.
			weights: fuse.NewParameter[float32](name+" weights", in, o.Width).Kaiming(rng, o.Width),
			bias:    fuse.NewParameter[float32](name+" bias", o.Width).Kaiming(rng, o.Width),
			gate:    fit.NewLinear(rng, name+" gate", o.Embedding, o.Width),
		})
		in = o.Width
	}
	m.head = [2]fit.Linear{fit.NewLinear(rng, "head", in, o.Hidden), fit.NewLinear(rng, "head out", o.Hidden, 1)}
	return m
}

// Build implements [fit.Model].
func (m *gates) Build(b *fit.Builder, graphs, nodes int) (prediction *gorgonia.Node, set func(int, *feature.Graph)) {
	square := nodes * nodes
	embedding, x, begin := m.begin(b, graphs, nodes)
	edges, feeds := b.Input("edges", graphs, nodes, nodes)
	pooled, mask := b.Input("pooled", graphs, nodes)

	for i, l := range m.layers {
		x = b.Apply(&kern.Flow[float32]{},
			b.Apply(&kern.Linear[float32]{}, x, b.Param(l.weights)), b.Linear(embedding, l.gate, false), edges, b.Param(l.bias))
		if i < len(m.layers)-1 {
			x = b.Apply(&kern.Activation[float32]{Function: kern.ReLU}, x)
		}
	}
	z := b.Apply(&kern.Pool[float32]{Scale: m.pool}, x, pooled)
	z = b.Dropout(b.Linear(z, m.head[0], true), m.dropout)
	return b.Linear(z, m.head[1], false), func(k int, g *feature.Graph) {
		if g == nil {
			g = &feature.Graph{} // of no nodes: all zeros
		}
		mask := mask[k*nodes : (k+1)*nodes]
		begin(k, g, mask, mask)
		feeds := feeds[k*square : (k+1)*square]
		g.FlowTo(feeds, nil, nodes)
		for i, n := range g.Nodes {
			// Nothing flows through an operation that yields zeros.
			if m.vocabulary.Ops[n.Op].Kind == plugins.KindNone {
				mask[i] = 0
				for j := range g.Nodes {
					feeds[j*nodes+i] = 0
				}
			}
		}
	}
}
