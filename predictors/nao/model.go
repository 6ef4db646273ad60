package nao

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
)

// model is the encoder, predictor and decoder (nasbench/encoder.py and
// decoder.py of SemiNAS).
type model struct {
	options *options
	tokens  int

	table             *fuse.Parameter[float32] // embedding of the encoder
	forward, backward recurrent
	out               fit.Linear // of both directions
	mlp1, mlp2        fit.Linear
	regressor         fit.Linear

	target   *fuse.Parameter[float32] // embedding of the decoder
	decoder  recurrent
	query    *fuse.Parameter[float32]
	attended *fuse.Parameter[float32]
	choice   fit.Linear
}

// recurrent is the parameters of an LSTM layer.
type recurrent struct{ input, state, bias *fuse.Parameter[float32] }

func newRecurrent(rng *rand.Rand, name string, width int) recurrent {
	return recurrent{
		fuse.NewParameter[float32](name+" input", width, 4*width).Kaiming(rng, width),
		fuse.NewParameter[float32](name+" state", width, 4*width).Kaiming(rng, width),
		fuse.NewParameter[float32](name+" bias", 4*width).Kaiming(rng, width),
	}
}

var _ fit.Model[[]int] = (*model)(nil)

// newModel draws the weights by PyTorch's defaults: embeddings from the standard
// normal distribution, all else uniform in 1/sqrt(inputs).
func newModel(o *options, tokens int, rng *rand.Rand) *model {
	embedding := func(name string) *fuse.Parameter[float32] {
		p := fuse.NewParameter[float32](name, tokens, o.Width)
		for i := range p.Data {
			p.Data[i] = float32(rng.NormFloat64())
		}
		return p
	}
	matrix := func(name string, in int) *fuse.Parameter[float32] {
		return fuse.NewParameter[float32](name, in, o.Width).Kaiming(rng, in)
	}
	return &model{
		options: o, tokens: tokens,
		table:   embedding("tokens"),
		forward: newRecurrent(rng, "forward", o.Width), backward: newRecurrent(rng, "backward", o.Width),
		out:  fit.NewLinear(rng, "both directions", 2*o.Width, o.Width),
		mlp1: fit.NewLinear(rng, "mlp 1", o.Width, o.Hidden), mlp2: fit.NewLinear(rng, "mlp 2", o.Hidden, o.Width),
		regressor: fit.NewLinear(rng, "regressor", o.Width, 1),
		target:    embedding("decoder's tokens"), decoder: newRecurrent(rng, "decoder", o.Width),
		query: matrix("query", o.Width), attended: matrix("attended", 2*o.Width),
		choice: fit.NewLinear(rng, "choice", o.Width, tokens),
	}
}

// Size implements [fit.Model].
func (m *model) Size(sequence *[]int) int { return fit.Pad(max(len(*sequence), 1), 4) }

// network is what the parts of a model need while it is built.
type network struct {
	*fit.Builder
	rows, length int
	mask         *gorgonia.Node
	halves       *gorgonia.Node // the factor sqrt(1/2)
}

// lstm returns the states of r over x from a first state, which may be nil.
func (n *network) lstm(x *gorgonia.Node, r recurrent, reverse bool, first *gorgonia.Node) *gorgonia.Node {
	in := []*gorgonia.Node{x, n.Param(r.input), n.Param(r.state), n.Param(r.bias), n.mask}
	if first != nil {
		in = append(in, first)
	}
	return n.Apply(&kern.LSTM[float32]{Reverse: reverse}, in...)
}

// half returns (x + y) / sqrt(2).
func (n *network) half(x, y *gorgonia.Node) *gorgonia.Node {
	return n.Apply(&kern.Scale[float32]{}, n.Apply(&kern.Add[float32]{}, x, y), n.halves)
}

// factor returns a number as data.
func (n *network) factor(name string, value float64) *gorgonia.Node {
	node, data := n.Input(name, 1)
	data[0] = float32(value)
	return node
}

// Build implements [fit.Model]. The decoder is part of the loss only.
func (m *model) Build(b *fit.Builder, rows, length int) (prediction *gorgonia.Node, set func(int, *[]int)) {
	tokens, source := b.Input("sequence", rows, length)
	mask, present := b.Input("mask", rows, length)
	n := &network{Builder: b, rows: rows, length: length, mask: mask}
	n.halves = n.factor("sqrt half", math.Sqrt(.5))
	x := b.Dropout(b.Apply(&kern.Embed[float32]{}, tokens, b.Param(m.table)), m.options.Dropout)
	both := b.Apply(&kern.Concat[float32]{}, n.lstm(x, m.forward, false, nil), n.lstm(x, m.backward, true, nil))
	states := b.Apply(&kern.Normalize[float32]{}, b.Apply(&kern.Add[float32]{}, x, b.Linear(both, m.out, false)))
	code := b.Apply(&kern.Normalize[float32]{}, b.Apply(&kern.Pool[float32]{}, states, mask))
	h := b.Dropout(b.Linear(code, m.mlp1, true), m.options.Dropout)
	h = b.Dropout(b.Linear(h, m.mlp2, true), m.options.Dropout)
	prediction = b.Linear(n.half(code, h), m.regressor, false)
	var shifted []float32
	if b.Training && m.options.Tradeoff < 1 {
		shifted = m.decode(n, tokens, states, code)
	}
	return prediction, func(k int, s *[]int) {
		own, there := source[k*length:(k+1)*length], present[k*length:(k+1)*length]
		clear(own)
		clear(there)
		if s != nil {
			for i, token := range *s {
				own[i], there[i] = float32(token), 1
			}
		}
		if shifted != nil {
			shifted[k*length] = 0
			copy(shifted[k*length+1:(k+1)*length], own)
		}
	}
}

// decode adds the loss of decoding tokens, each from those before it and from
// the encoder's states and code, and returns the memory of the decoder's input.
func (m *model) decode(n *network, tokens, states, code *gorgonia.Node) []float32 {
	before, shifted := n.Input("sequence before", n.rows, n.length)
	x := n.Dropout(n.Apply(&kern.Embed[float32]{}, before, n.Param(m.target)), m.options.Dropout)
	x = n.half(x, n.lstm(x, m.decoder, false, code))
	// The attention of the authors' code does not divide by sqrt(width).
	query := n.Apply(&kern.Scale[float32]{}, n.Apply(&kern.Linear[float32]{}, x, n.Param(m.query)), n.factor("sqrt width", math.Sqrt(float64(m.options.Width))))
	mix := n.Apply(&kern.Attention[float32]{Heads: 1}, query, states, states, n.mask)
	y := n.Apply(&kern.Linear[float32]{}, n.Apply(&kern.Concat[float32]{}, mix, x), n.Param(m.attended))
	x = n.half(x, n.Apply(&kern.Activation[float32]{Function: kern.Tanh}, y))
	loss := n.Apply(&kern.Choice[float32]{}, n.Linear(x, m.choice, false), tokens, n.mask)
	n.AddLoss(n.Apply(&kern.Scale[float32]{}, loss, n.factor("decoder's share", 1-m.options.Tradeoff)))
	return shifted
}

// loss is the predictor's share of the loss.
func (m *model) loss(b *fit.Builder, prediction, labels, weights *gorgonia.Node) *gorgonia.Node {
	share, data := b.Input("predictor's share", 1)
	data[0] = float32(m.options.Tradeoff)
	return b.Apply(&kern.Scale[float32]{}, fit.MSE(b, prediction, labels, weights), share)
}
