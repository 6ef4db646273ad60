package transformer

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/predictors/feature"
)

// embeddingHeads is the number of permutation-invariant heads that the nodes'
// operations are embedded with (pinat.py, Encoder).
const embeddingHeads = 6

// setLayer is the parameters of one permutation-invariant function of the set of
// nodes that send to a node, itself among them (gatset_conv.py, GATSetConv_v5);
// see [kern.SetMessage] and [kern.SetUpdate].
type setLayer struct {
	a, u, v, w, b, c *fuse.Parameter[float32]
	sum              bool       // heads are summed, not put side by side
	around           fit.Linear // added to what comes out: a map of the node alone
}

// sets is three such functions, one upon the other.
type sets [3]setLayer

// newSets draws three layers of nodes of in numbers: two of so many heads of
// width numbers each, and one whose heads, of out numbers each, are summed.
// Weights are Glorot-uniform over their last two dimensions, as PyTorch
// Geometric's glorot draws them, and offsets 0.
func newSets(rng *rand.Rand, name string, in, heads, width, out int) *sets {
	s := new(sets)
	for i := range s {
		l, inside := &s[i], heads*width
		if l.sum = i == len(s)-1; l.sum {
			width, inside = out, out
		}
		p := func(what string, shape ...int) *fuse.Parameter[float32] {
			return fuse.NewParameter[float32](name+" "+what, shape...)
		}
		l.a = p("a", in, width*heads).Uniform(rng, glorot(in, width*heads))
		l.u = p("u", width).Uniform(rng, glorot(1, 1))
		l.v = p("v", width)
		l.w = p("w", width, heads, heads).Uniform(rng, glorot(1, heads))
		l.b = p("b", width, heads)
		l.c = p("c", width, heads).Uniform(rng, glorot(width, heads))
		l.around = fit.NewLinear(rng, name+" around", in, inside)
		in = inside
	}
	return s
}

// glorot is the bound of a uniform distribution (Glorot and Bengio 2010,
// equation 16).
func glorot(in, out int) float64 { return math.Sqrt(6 / float64(in+out)) }

// apply returns what s makes of the nodes x [graphs, nodes, ...], where from
// [graphs, nodes, nodes] has a 1 in row i and column j if j sends to i.
func (s *sets) apply(b *fit.Builder, x, from *gorgonia.Node) *gorgonia.Node {
	for i, l := range s {
		y := b.Apply(&kern.Linear[float32]{}, x, b.Param(l.a))
		y = b.Apply(&kern.SetMessage[float32]{}, y, b.Param(l.u), b.Param(l.v))
		y = b.Apply(&kern.BatchMatMul[float32]{}, from, y)
		y = b.Apply(&kern.SetUpdate[float32]{Sum: l.sum}, y, b.Param(l.w), b.Param(l.b), b.Param(l.c))
		x = b.Apply(&kern.Add[float32]{}, y, b.Linear(x, l.around, false))
		if i < len(s)-1 {
			x = b.Apply(&kern.Activation[float32]{Function: kern.ELU}, x)
		}
	}
	return x
}

// sendersTo writes to dst, stride x stride, which nodes send to which: those
// that an edge leads from, and the node itself.
func sendersTo(dst []float32, stride int, g *feature.Graph) {
	g.FlowTo(dst, nil, stride)
	for i := range g.Nodes {
		dst[i*stride+i] = 1
	}
}
