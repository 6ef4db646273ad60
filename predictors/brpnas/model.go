package brpnas

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/predictors/feature"
)

// model is the relation's weights. An architecture a that stands first adds
// u.h(a) to the log-odds of "the first is better", one that stands second
// v.h(a), where h is the embedding that the graph layers make; the published
// network has two outputs, whose difference that is.
type model struct {
	nodes    *feature.Nodes
	layers   []layer
	relation fit.Linear // u and v, [width, 2]
	width    int
	dropout  float64
}

// layer is a graph layer, ReLU(LayerNorm(A X W + b)) (gcn.py).
type layer struct {
	linear fit.Linear
	norm   fit.Norm
}

var _ fit.Model[feature.Graph] = (*model)(nil)

// newModel draws the weights: in the graph layers uniform in 1/sqrt(width), as
// the authors' code does for weights and biases alike, in the relation
// PyTorch's default for a linear layer with two embeddings as input.
func newModel(o *options, nodes *feature.Nodes, rng *rand.Rand) *model {
	m := &model{nodes: nodes, dropout: o.Dropout, width: nodes.Dim() + 1}
	in := m.width
	for l := range o.Layers {
		name := fmt.Sprintf("layer %d", l)
		m.layers = append(m.layers, layer{
			fit.Linear{
				Weights: fuse.NewParameter[float32](name+" weights", in, o.Width).Kaiming(rng, o.Width),
				Bias:    fuse.NewParameter[float32](name+" bias", o.Width).Kaiming(rng, o.Width),
			},
			fit.NewNorm(name+" norm", o.Width),
		})
		in = o.Width
	}
	m.relation = fit.Linear{
		Weights: fuse.NewParameter[float32]("relation weights", o.Width, 2).Kaiming(rng, 2*o.Width),
		Bias:    fuse.NewParameter[float32]("relation bias", 2).Kaiming(rng, 2*o.Width),
	}
	return m
}

// Size implements [fit.Model]. It counts the global node.
func (m *model) Size(g *feature.Graph) int {
	n := len(g.Nodes) + 1
	if n <= 12 {
		return fit.Pad(n, 3)
	}
	return fit.Pad(n, 8)
}

// Build implements [fit.Model]. In training the prediction is [graphs, 2], what
// an architecture adds to the log-odds in either place. In evaluation it is
// half their difference, (u - v).h/2: the log-odds of an architecture against
// any other, averaged over both orders of the two, is the difference of theirs.
func (m *model) Build(b *fit.Builder, graphs, nodes int) (prediction *gorgonia.Node, set func(int, *feature.Graph)) {
	square := nodes * nodes
	x, rows := b.Input("nodes", graphs, nodes, m.width)
	a, adjacency := b.Input("adjacency", graphs, nodes, nodes)
	global, first := b.Input("global", graphs, 1, nodes)
	for i, l := range m.layers {
		// Of the last layer only the global node is read, so that is summed
		// first, which makes no other difference: (A X) W = A (X W).
		if i == len(m.layers)-1 {
			x = b.Linear(b.Apply(&kern.BatchMatMul[float32]{}, global, x), l.linear, false)
		} else {
			x = b.Apply(&kern.Linear[float32]{}, b.Apply(&kern.BatchMatMul[float32]{}, a, x), b.Param(l.linear.Weights), b.Param(l.linear.Bias))
		}
		x = b.Apply(&kern.Activation[float32]{Function: kern.ReLU}, b.Norm(x, l.norm))
		x = b.Dropout(x, m.dropout)
	}
	ones, one := b.Input("one", graphs, 1)
	for i := range one {
		one[i] = 1
	}
	h := b.Apply(&kern.Pool[float32]{Scale: 1}, x, ones) // of the one node: [graphs, width]
	prediction = b.Linear(h, m.relation, false)
	if !b.Training {
		w, half := b.Input("half the difference", 2, 1)
		half[0], half[1] = .5, -.5
		prediction = b.Apply(&kern.Linear[float32]{}, prediction, w)
	}
	return prediction, func(k int, g *feature.Graph) {
		if g == nil {
			g = &feature.Graph{}
		}
		at := rows[k*nodes*m.width : (k+1)*nodes*m.width]
		clear(at)
		at[m.width-1] = 1 // the global node's own operation
		edges := adjacency[k*square : (k+1)*square]
		clear(edges)
		for i := range g.Nodes {
			m.nodes.EncodeTo(at[(i+1)*m.width:(i+1)*m.width+m.width-1], &g.Nodes[i], &g.Steps[i])
			edges[i+1], edges[(i+1)*nodes+i+1] = 1, 1
		}
		edges[0] = 1
		for _, e := range g.Edges {
			edges[(e.From+1)*nodes+e.To+1] = 1
		}
		copy(first[k*nodes:(k+1)*nodes], edges)
	}
}
