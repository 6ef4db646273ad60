package fit

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
)

// Attention is the parameters of self-attention up to its output projection:
// queries, keys and values without biases.
type Attention struct {
	Heads         int
	query, key, v *fuse.Parameter[float32]
}

// NewAttention draws them as PyTorch's nn.Linear does, for nodes of width
// numbers and so many numbers a head.
func NewAttention(rng *rand.Rand, name string, width, heads, perHead int) Attention {
	p := func(what string) *fuse.Parameter[float32] {
		return fuse.NewParameter[float32](name+" "+what, width, heads*perHead).Kaiming(rng, width)
	}
	return Attention{heads, p("queries"), p("keys"), p("values")}
}

// Attention returns what the heads of a make of the nodes x [graphs, nodes,
// width] that mask [graphs, nodes] keeps, side by side; dropout is that of the
// attention weights.
func (b *Builder) Attention(x, mask *gorgonia.Node, a Attention, dropout float64) *gorgonia.Node {
	in := []*gorgonia.Node{mask}
	for _, p := range []*fuse.Parameter[float32]{a.v, a.key, a.query} {
		in = append([]*gorgonia.Node{b.Apply(&kern.Linear[float32]{}, x, b.Param(p))}, in...)
	}
	if b.Training && dropout > 0 && x != nil {
		graphs, nodes := x.Shape()[0], x.Shape()[1]
		n, data := b.Input("attention dropout", graphs, a.Heads, nodes, nodes)
		b.Draw(func(rng *rand.Rand) { fuse.DropoutTo(data, rng, dropout) })
		in = append(in, n)
	}
	return b.Apply(&kern.Attention[float32]{Heads: a.Heads}, in...)
}

// normEps is what the transformers' layer norms add to the variance, in place
// of PyTorch's 1e-5: TNASP, PINAT and the code that both build on
// (github.com/jadore801120/attention-is-all-you-need-pytorch) agree on it.
const normEps = 1e-6

// Residual returns the layer norm of x + dropout(y), the step after each part
// of a transformer (Vaswani et al. 2017, section 3.1).
func (b *Builder) Residual(x, y *gorgonia.Node, n Norm, dropout float64) *gorgonia.Node {
	sum := b.Apply(&kern.Add[float32]{}, x, b.Dropout(y, dropout))
	return b.Apply(&kern.LayerNorm[float32]{Eps: normEps}, sum, b.Param(n.Gain), b.Param(n.Bias))
}

// FeedForward is the parameters of a transformer's position-wise network.
type FeedForward struct {
	in, out Linear
	norm    Norm
}

// NewFeedForward draws a network of width to inner to width numbers.
func NewFeedForward(rng *rand.Rand, name string, width, inner int) FeedForward {
	return FeedForward{
		NewLinear(rng, name+" in", width, inner),
		NewLinear(rng, name+" out", inner, width),
		NewNorm(name+" norm", width),
	}
}

// FeedForward returns the layer norm of x + dropout(W2 ReLU(W1 x + b1) + b2).
func (b *Builder) FeedForward(x *gorgonia.Node, f FeedForward, dropout float64) *gorgonia.Node {
	return b.Residual(x, b.Linear(b.Linear(x, f.in, true), f.out, false), f.norm, dropout)
}
