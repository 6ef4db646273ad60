package gates

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// startWidth is the width of the nodes' first vectors: hid_dim of the authors'
// configuration.
const startWidth = 96

// layer is one step of the flow.
type layer struct {
	weights, bias *fuse.Parameter[float32]
	gate          fit.Linear // from the operation's embedding
}

// model is the network's weights.
type model struct {
	vocabulary *plugins.Vocabulary
	nodes      *feature.Nodes
	pool       float32 // factor of the sum over nodes
	dropout    float64

	operations *fuse.Parameter[float32] // embeddings of operations
	kinds      *fuse.Parameter[float32] // embeddings of sources and of other nodes
	start      fit.Linear
	layers     []layer
	head       [2]fit.Linear
}

var _ fit.Model[feature.Graph] = (*model)(nil)

// newModel draws the weights. All sums over nodes are divided by largest.
func newModel(o *options, v *plugins.Vocabulary, nodes *feature.Nodes, largest int, rng *rand.Rand) *model {
	m := &model{vocabulary: v, nodes: nodes, pool: 1 / float32(largest), dropout: o.Dropout}
	m.operations = fuse.NewParameter[float32]("operations", nodes.Dim(), o.Embedding).Normal(rng, 1)
	// Numbers that stand beside an operation weigh as much as it does.
	if numbers := nodes.Dim() - len(v.Ops); numbers > 0 {
		scale := float32(1 / math.Sqrt(float64(numbers)))
		rows := m.operations.Data[len(v.Ops)*o.Embedding:]
		for i := range rows {
			rows[i] *= scale
		}
	}
	m.kinds = fuse.NewParameter[float32]("kinds of node", 2, o.Embedding).Normal(rng, 1)
	clear(m.kinds.Data[o.Embedding:]) // other nodes begin with zeros
	m.start = fit.NewLinear(rng, "start", o.Embedding, startWidth)
	in := startWidth
	for l := range o.Layers {
		name := fmt.Sprintf("layer %d", l)
		m.layers = append(m.layers, layer{
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

// Size implements [fit.Model]. Steps are longer where graphs are, since a network
// is kept for each size.
func (m *model) Size(g *feature.Graph) int {
	if n := len(g.Nodes); n > 16 {
		return fit.Pad(n, 16)
	}
	return fit.Pad(len(g.Nodes), 4)
}

// Build implements [fit.Model].
func (m *model) Build(b *fit.Builder, graphs, nodes int) (prediction *gorgonia.Node, set func(int, *feature.Graph)) {
	width, square := m.nodes.Dim(), nodes*nodes
	operations, rows := b.Input("operations", graphs, nodes, width)
	kinds, flags := b.Input("kinds of node", graphs, nodes, 2)
	edges, feeds := b.Input("edges", graphs, nodes, nodes)
	pooled, mask := b.Input("pooled", graphs, nodes)

	embedding := b.Apply(&kern.Linear[float32]{}, operations, b.Param(m.operations))
	x := b.Linear(b.Apply(&kern.Linear[float32]{}, kinds, b.Param(m.kinds)), m.start, false)
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
		own, mask := rows[k*nodes*width:(k+1)*nodes*width], mask[k*nodes:(k+1)*nodes]
		m.nodes.GraphTo(own, mask, g)
		flags := flags[k*nodes*2 : (k+1)*nodes*2]
		clear(flags)
		for i, source := range g.Sources(m.vocabulary) {
			if !source {
				flags[2*i+1] = 1
				continue
			}
			flags[2*i], mask[i] = 1, 0
			clear(own[i*width : (i+1)*width]) // a source has no operation
		}
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
