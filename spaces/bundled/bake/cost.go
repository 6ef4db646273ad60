package bake

import "github.com/hypernas/hypernas/internal/nb201"

// Params is the number of trained parameters of a cell's whole network as a user would build it from the cell as it
// stands: stem, both cells with their dead operations, reduction, last normalization and linear layer.
func Params(c nb201.Cell) int {
	n := skeletonLen + headLen
	for _, o := range c {
		if k := width(o); k > 0 {
			n += width1*width1*k*k + 2*width1 + width2*width2*k*k + 2*width2
		}
	}
	return n
}

// FLOPs is the number of multiply-adds that one picture takes in the convolutions and the linear layer of the same
// network, dead operations included; normalization, pooling and sums are not counted.
func FLOPs(c nb201.Cell) int {
	const pixels1, pixels2 = side1 * side1, side2 * side2
	n := width1*inputs*9*pixels1 + width2*width1*pixels2 + classes*width2
	for _, o := range c {
		if k := width(o); k > 0 {
			n += width1*width1*k*k*pixels1 + width2*width2*k*k*pixels2
		}
	}
	return n
}

// Stage returns the channels of stage 1 or 2 and the side of its images in pixels.
func Stage(stage int) (channels, side int) {
	if stage == 1 {
		return width1, side1
	}
	return width2, side2
}
