package kern

import (
	"fmt"
	"math"
	"slices"
)

// Float is the element type of every tensor.
type Float interface{ float32 | float64 }

// Kernel is a differentiable function of dense tensors.
//
// Shape must be called once, before anything else. Forward fills out; it may
// not keep it. Backward is called after Forward with the same in and out. It
// overwrites every gin[i] that is not nil with the gradient of the loss with
// respect to in[i], given gout, the gradient with respect to out; a nil gin[i]
// is not wanted, and only inputs for which Differentiable holds may be wanted.
type Kernel[T Float] interface {
	// Shape returns the shape of the output for inputs of the given shapes and
	// makes the scratch memory. An empty shape is a scalar.
	Shape(in ...[]int) ([]int, error)
	// Differentiable reports whether the output has a gradient with respect to
	// input i. Masks, adjacency matrices, labels and the like have none.
	Differentiable(i int) bool
	Forward(out []T, in [][]T)
	Backward(gin, in [][]T, out, gout []T)
}

// Scratcher is a kernel that keeps more than a few tensors of the size of its
// inputs and its output.
type Scratcher interface {
	// Scratch returns how many numbers the kernel may keep, after Shape.
	Scratch() int
}

// Size returns the number of elements of a tensor of the given shape.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// expect returns an error that names kernel unless there are as many inputs as
// ranks and each has the given rank; a rank of -1 accepts any but 0.
func expect(kernel string, in [][]int, ranks ...int) error {
	if len(in) != len(ranks) {
		return fmt.Errorf("%s: %d inputs, want %d", kernel, len(in), len(ranks))
	}
	for i, r := range ranks {
		if r == -1 && len(in[i]) > 0 || r == len(in[i]) {
			continue
		}
		return fmt.Errorf("%s: input %d has shape %v, want rank %d", kernel, i, in[i], r)
	}
	return nil
}

// mismatch returns an error that names kernel unless got equals want.
func mismatch(kernel, what string, got []int, want ...int) error {
	if slices.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("%s: %s has shape %v, want %v", kernel, what, got, want)
}

// firstError returns the first of errs that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }
func exp[T Float](x T) T  { return T(math.Exp(float64(x))) }
