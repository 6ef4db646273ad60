package bake

import "github.com/hypernas/hypernas/internal/nb201"

// into returns the edges of a cell that end at vertex v.
func into(v int) []int {
	return [4][]int{nil, {0}, {1, 2}, {3, 4, 5}}[v]
}

// width is the width of a convolution's filter, 0 for the other operations.
func width(o nb201.Op) int {
	switch o {
	case nb201.Conv1x1:
		return 1
	case nb201.Conv3x3:
		return 3
	}
	return 0
}
