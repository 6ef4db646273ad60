package mlp

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
)

// example is the features of an architecture.
type example []float32

// model is one network: layers of the same width with ReLU, then an affine map
// to the prediction.
type model struct {
	in      int
	layers  []fit.Linear
	out     fit.Linear
	dropout float64
}

var _ fit.Model[example] = (*model)(nil)

// newModel draws a network on in features as Keras does, which the authors of
// BANANAS use: weights uniform by Glorot and Bengio, biases 0.
func newModel(o *options, in int, rng *rand.Rand) *model {
	m := &model{in: in, dropout: o.Dropout}
	layer := func(name string, in, out int) fit.Linear {
		return fit.Linear{
			Weights: fuse.NewParameter[float32](name+" weights", in, out).Xavier(rng),
			Bias:    fuse.NewParameter[float32](name+" bias", out),
		}
	}
	for l := range o.Layers {
		m.layers = append(m.layers, layer(fmt.Sprintf("layer %d", l), in, o.Width))
		in = o.Width
	}
	m.out = layer("out", in, 1)
	return m
}

// Size implements [fit.Model]; all examples are alike.
func (*model) Size(*example) int { return 1 }

// Build implements [fit.Model].
func (m *model) Build(b *fit.Builder, rows, _ int) (prediction *gorgonia.Node, set func(int, *example)) {
	x, data := b.Input("features", rows, m.in)
	for _, l := range m.layers {
		x = b.Dropout(b.Linear(x, l, true), m.dropout)
	}
	return b.Linear(x, m.out, false), func(k int, e *example) {
		row := data[k*m.in : (k+1)*m.in]
		if e == nil {
			clear(row)
			return
		}
		copy(row, *e)
	}
}
