package hypernas

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
)

// encoder is the weights of the graph encoder G.
type encoder[T kern.Float] struct {
	width  int
	linear []*fuse.Parameter[T]   // before the graph layers
	layers [][]*fuse.Parameter[T] // W+, b+, W-, b- of each, then gain and bias
}

// newEncoder draws the weights: Xavier-uniform in the graph layers, as Wen et
// al.'s reproduction has it, PyTorch's defaults in the linear one.
func newEncoder[T kern.Float](features, width, layers int, norm bool, rng *rand.Rand) *encoder[T] {
	c := &encoder[T]{width: width, linear: linear[T](rng, "encoder", features, width)}
	for l := range layers {
		name := fmt.Sprintf("layer %d ", l)
		layer := []*fuse.Parameter[T]{
			fuse.NewParameter[T](name+"forward weights", width, width).Xavier(rng),
			fuse.NewParameter[T](name+"forward bias", width),
			fuse.NewParameter[T](name+"backward weights", width, width).Xavier(rng),
			fuse.NewParameter[T](name+"backward bias", width),
		}
		if norm {
			layer = append(layer, fuse.NewParameter[T](name+"gain", width).Fill(1), fuse.NewParameter[T](name+"bias", width))
		}
		c.layers = append(c.layers, layer)
	}
	return c
}

// encoderCount is how many numbers newEncoder draws, at most.
func encoderCount(features, width, layers int) int {
	return (features+1)*width + layers*2*width*(width+2)
}

// linear draws the weights and bias of an affine map as PyTorch does.
func linear[T kern.Float](rng *rand.Rand, name string, in, out int) []*fuse.Parameter[T] {
	return []*fuse.Parameter[T]{
		fuse.NewParameter[T](name+" weights", in, out).Kaiming(rng, in),
		fuse.NewParameter[T](name+" bias", out).Kaiming(rng, in),
	}
}

// parameters returns all weights.
func (c *encoder[T]) parameters() []*fuse.Parameter[T] {
	return append(slices.Clone(c.linear), slices.Concat(c.layers...)...)
}

// input maps the features of nodes [graphs, nodes, features] to the encoder's
// width.
func (c *encoder[T]) input(g *fuse.Graph[T], x *gorgonia.Node) *gorgonia.Node {
	return g.Apply(&kern.Linear[T]{}, x, g.Param(c.linear[0]), g.Param(c.linear[1]))
}

// layersOf applies the graph layers to nodes [graphs, nodes, width], with edges
// e and against them r, both [graphs, nodes, nodes].
func (c *encoder[T]) layersOf(g *fuse.Graph[T], x, e, r *gorgonia.Node) *gorgonia.Node {
	for _, w := range c.layers {
		x = g.Apply(&kern.Graph[T]{}, x, e, r, g.Param(w[0]), g.Param(w[1]), g.Param(w[2]), g.Param(w[3]))
		if len(w) > 4 {
			x = g.Apply(&kern.LayerNorm[T]{}, x, g.Param(w[4]), g.Param(w[5]))
		}
	}
	return x
}

// pool returns the pooled nodes of each graph, [graphs, width]: their sum,
// divided by 4 so that it is of the size of a node, or their mean.
func pool[T kern.Float](g *fuse.Graph[T], x, mask *gorgonia.Node, sum bool) *gorgonia.Node {
	k := &kern.Pool[T]{}
	if sum {
		k.Scale = .25
	}
	return g.Apply(k, x, mask)
}
