package darts

// macro is the network that cells are put into, NetworkCIFAR of DARTS
// (github.com/quark0/darts, cnn/model.py): a stem of a 3x3 convolution to three
// times the channels, cells of which those at a third and at two thirds are
// reductions that double the channels, the mean over pixels, a linear layer.
// Every cell first brings its two inputs to its own channels by a 1x1
// convolution. The auxiliary head, which exists in training alone, is not
// counted.
type macro struct {
	channels int // of the operations in the first cells
	cells    int
}

// nasBench301 is the network that NAS-Bench-301 trained its genotypes in
// (github.com/automl/nasbench301, data_generation/configs/config_0.json).
func nasBench301() macro { return macro{channels: 32, cells: 8} }

// CIFAR-10.
const (
	imageSide = 32
	classes   = 10
)

// reduces reports whether the cell at a place is a reduction.
func (m macro) reduces(cell int) bool { return cell == m.cells/3 || cell == 2*m.cells/3 }

// cost returns the trainable parameters of the network of a genotype, and the
// multiply-adds of its convolutions and linear layer for one image. Batch
// normalizations, all of which have scale and shift, have parameters; pooling
// has neither.
func (m macro) cost(g *Genotype) (params, flops int) {
	// conv adds a convolution's weights and a batch normalization of its output.
	conv := func(weights, out, side int) {
		params += weights + 2*out
		flops += weights * side * side
	}
	c, side := m.channels, imageSide
	before, last := 3*c, 3*c // channels of the cell before the last and of the last
	conv(3*3*3*last, last, side)
	for k := range m.cells {
		cell, reduction := &g.Normal, m.reduces(k)
		if reduction {
			cell = &g.Reduction
			c *= 2
		}
		conv(before*c, c, side) // with stride two where the last cell was a reduction
		conv(last*c, c, side)
		if reduction {
			side /= 2
		}
		for _, n := range cell {
			for _, e := range n {
				separable := e.Op.kernel()*e.Op.kernel()*c + c*c
				switch e.Op {
				case SepConv3x3, SepConv5x5: // twice over
					conv(separable, c, side)
					conv(separable, c, side)
				case DilConv3x3, DilConv5x5:
					conv(separable, c, side)
				case Skip:
					if reduction && e.From < 2 {
						conv(c*c, c, side)
					}
				}
			}
		}
		before, last = last, NumNodes*c
	}
	return params + (last+1)*classes, flops + last*classes
}
