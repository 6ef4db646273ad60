package transnas

import "github.com/hypernas/hypernas/internal/nb201"

// count adds up trainable parameters and multiply-adds.
type count struct{ params, flops int }

// conv adds a convolution without bias and its batch normalization; side is
// that of its output.
func (c *count) conv(kernel, in, out, side int) {
	c.params += kernel*kernel*in*out + 2*out
	c.flops += kernel * kernel * in * out * side * side
}

// linear adds a linear layer; what its bias adds is not counted.
func (c *count) linear(in, out int) {
	c.params += (in + 1) * out
	c.flops += in * out
}

// cost returns a network's trainable parameters and its multiply-adds for one
// example of the task: stem and cells, and the task's own layers, which are
// the same for every cell. Dead operations are built and count. Discriminators,
// which take part in training alone, do not. TestCost compares with PyTorch.
func cost(c cell, t task) (params, flops int) {
	var network count
	network.conv(3, 3, stemChannels/2, t.side/2)
	network.conv(3, stemChannels/2, stemChannels, t.side/4)
	edges := nb201.Edges()
	for _, s := range macro(t.side) {
		for k := range s.cells {
			for i, op := range c {
				in := s.channels
				if k == 0 && edges[i].From == 0 {
					in = s.in
				}
				switch {
				case op == nb201.Conv3x3:
					network.conv(3, in, s.channels, s.side)
				case op == nb201.Conv1x1, op == nb201.Skip && in != s.channels:
					// A skip that changes the channels is two 1x1 convolutions of half
					// the channels each, side by side (class FactorizedReduce).
					network.conv(1, in, s.channels, s.side)
				}
			}
		}
	}
	if t.tiles > 1 { // one network for all tiles
		network.flops *= t.tiles
	}
	t.head(&network)
	return network.params, network.flops
}

// classifier returns the head of a task with a linear layer on the channels'
// means (classes FFDecoder and SiameseDecoder, the latter on all tiles).
func classifier(tiles, outputs int) func(*count) {
	return func(c *count) { c.linear(tiles*8*stemChannels, outputs) }
}

// layer is one of a decoder: 3x3, with a bias.
type layer struct {
	out int
	// double is a transposed convolution with stride 2.
	double bool
	// bare has no batch normalization.
	bare bool
}

// decoder returns the head of a task whose output is a picture. Its input has
// 512 channels on 8x8 pixels.
func decoder(layers ...layer) func(*count) {
	return func(c *count) {
		in, side := 8*stemChannels, 8
		for _, l := range layers {
			c.params += 9*in*l.out + l.out
			if !l.bare {
				c.params += 2 * l.out
			}
			c.flops += 9 * in * l.out * side * side // a transposed convolution works on its input's pixels
			if l.double {
				side *= 2
			}
			in = l.out
		}
	}
}

// segmentation is class SegmentationDecoder for 17 classes.
func segmentation() func(*count) {
	return decoder(
		layer{out: 1024}, layer{out: 512},
		layer{out: 256, double: true}, layer{out: 128, double: true}, layer{out: 64, double: true}, layer{out: 32, double: true},
		layer{out: 32, double: true}, layer{out: 17, bare: true})
}

// generator is class GenerativeDecoder.
func generator() func(*count) {
	return decoder(
		layer{out: 1024}, layer{out: 1024}, layer{out: 512}, layer{out: 512},
		layer{out: 256, double: true}, layer{out: 128}, layer{out: 64, double: true}, layer{out: 64},
		layer{out: 32, double: true}, layer{out: 32}, layer{out: 16, double: true}, layer{out: 32},
		layer{out: 16, double: true}, layer{out: 3, bare: true})
}
