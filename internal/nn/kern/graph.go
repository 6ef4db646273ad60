package kern

import "fmt"

// Graph is the bidirectional graph layer of Wen et al. (2020, "Neural Predictor
// for Neural Architecture Search", equation 1), which HyperNAS's encoder shares:
//
//	out = 1/2 ReLU(E (V W+ + b+)) + 1/2 ReLU(R (V W- + b-))
//
// Inputs: V [B, N, D], E [B, N, N] along the edges, R [B, N, N] against them,
// W+ [D, H], b+ [H], W- [D, H], b- [H]; or, without biases, V, E, R, W+, W-.
// Output [B, N, H]. The caller normalizes E and R and adds self loops. A node
// whose rows of E and R are zero comes out zero, and one whose columns are zero
// too influences nothing, so padding needs no mask.
type Graph[T Float] struct {
	b, n, d, h int
	bias       bool
	mul        Multiplier[T]
	p, q       []T // E u+ and R u-, [B, N, H]
	u          []T // V W + b, then its gradient, [B, N, H]
	gate       []T // gradient with respect to p or q
	ones       []T // [B N]
}

// Shape implements [Kernel].
func (k *Graph[T]) Shape(in ...[]int) ([]int, error) {
	var err error
	k.bias = len(in) == 7
	if k.bias {
		err = expect("graph layer", in, 3, 3, 3, 2, 1, 2, 1)
	} else {
		err = expect("graph layer", in, 3, 3, 3, 2, 2)
	}
	if err != nil {
		return nil, err
	}
	k.b, k.n, k.d, k.h = in[0][0], in[0][1], in[0][2], in[3][1]
	minus := 4
	if k.bias {
		minus = 5
		err = firstError(mismatch("graph layer", "b+", in[4], k.h), mismatch("graph layer", "b-", in[6], k.h))
	}
	err = firstError(err,
		mismatch("graph layer", "E", in[1], k.b, k.n, k.n), mismatch("graph layer", "R", in[2], k.b, k.n, k.n),
		mismatch("graph layer", "W+", in[3], k.d, k.h), mismatch("graph layer", "W-", in[minus], k.d, k.h))
	if err != nil {
		return nil, err
	}
	size := k.b * k.n * k.h
	k.p, k.q, k.u, k.gate = make([]T, size), make([]T, size), make([]T, size), make([]T, size)
	k.ones = ones[T](k.b * k.n)
	return []int{k.b, k.n, k.h}, nil
}

// Differentiable implements [Kernel].
func (k *Graph[T]) Differentiable(i int) bool { return i != 1 && i != 2 }

// weights returns the positions of W+, b+, W-, b- among the inputs.
func (k *Graph[T]) weights() (wp, bp, wm, bm int) {
	if k.bias {
		return 3, 4, 5, 6
	}
	return 3, -1, 4, -1
}

// Forward implements [Kernel].
func (k *Graph[T]) Forward(out []T, in [][]T) {
	wp, bp, wm, bm := k.weights()
	k.direction(k.p, in, 1, wp, bp)
	k.direction(k.q, in, 2, wm, bm)
	halfReLUsTo(out, k.p, k.q)
}

// direction computes dst = E (V W + b) for the inputs at the given positions.
func (k *Graph[T]) direction(dst []T, in [][]T, e, w, b int) {
	rows := k.b * k.n
	if b >= 0 {
		fillRows(k.u, in[b])
	}
	k.mul.MulTo(k.u, in[0], in[w], NN, rows, k.h, k.d, b >= 0)
	for g := range k.b {
		k.mul.MulTo(dst[g*k.n*k.h:], in[e][g*k.n*k.n:], k.u[g*k.n*k.h:], NN, k.n, k.h, k.n, false)
	}
}

// Backward implements [Kernel].
func (k *Graph[T]) Backward(gin, in [][]T, _, gout []T) {
	wp, bp, wm, bm := k.weights()
	k.directionGrad(gin, in, k.p, gout, 1, wp, bp, false)
	k.directionGrad(gin, in, k.q, gout, 2, wm, bm, true)
}

func (k *Graph[T]) directionGrad(gin, in [][]T, pre, gout []T, e, w, b int, add bool) {
	rows := k.b * k.n
	gateTo(k.gate, gout, pre, .5)
	for g := range k.b {
		k.mul.MulTo(k.u[g*k.n*k.h:], in[e][g*k.n*k.n:], k.gate[g*k.n*k.h:], TN, k.n, k.h, k.n, false)
	}
	if gin[w] != nil {
		k.mul.MulTo(gin[w], in[0], k.u, TN, k.d, k.h, rows, false)
	}
	if b >= 0 && gin[b] != nil {
		k.mul.MulTo(gin[b], k.ones, k.u, NN, 1, k.h, rows, false)
	}
	if gin[0] != nil {
		k.mul.MulTo(gin[0], k.u, in[w], NT, rows, k.d, k.h, add)
	}
}

// ones returns n ones: the left factor that sums the rows of a matrix.
func ones[T Float](n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

// fillRows copies row into every row of dst.
func fillRows[T Float](dst, row []T) {
	for len(dst) > 0 {
		copy(dst, row)
		dst = dst[len(row):]
	}
}

// Linear is out = X W + b, followed by a rectifier if ReLU is set. Inputs:
// X [..., D], W [D, H] and, optionally, b [H]. Output [..., H].
type Linear[T Float] struct {
	ReLU bool

	rows, d, h int
	bias       bool
	mul        Multiplier[T]
	pre, gate  []T
	ones       []T
}

// Shape implements [Kernel].
func (k *Linear[T]) Shape(in ...[]int) ([]int, error) {
	k.bias = len(in) == 3
	var err error
	if k.bias {
		err = expect("linear layer", in, -1, 2, 1)
	} else {
		err = expect("linear layer", in, -1, 2)
	}
	if err != nil {
		return nil, err
	}
	last := len(in[0]) - 1
	k.d, k.h = in[1][0], in[1][1]
	if in[0][last] != k.d {
		return nil, fmt.Errorf("linear layer: input %v doesn't fit weights %v", in[0], in[1])
	}
	if k.bias {
		if err := mismatch("linear layer", "bias", in[2], k.h); err != nil {
			return nil, err
		}
	}
	k.rows = Size(in[0][:last])
	k.ones = ones[T](k.rows)
	if k.ReLU {
		k.pre, k.gate = make([]T, k.rows*k.h), make([]T, k.rows*k.h)
	}
	return append(append([]int{}, in[0][:last]...), k.h), nil
}

// Differentiable implements [Kernel].
func (k *Linear[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *Linear[T]) Forward(out []T, in [][]T) {
	dst := out
	if k.ReLU {
		dst = k.pre
	}
	if k.bias {
		fillRows(dst, in[2])
	}
	k.mul.MulTo(dst, in[0], in[1], NN, k.rows, k.h, k.d, k.bias)
	if k.ReLU {
		reluTo(out, k.pre)
	}
}

// Backward implements [Kernel].
func (k *Linear[T]) Backward(gin, in [][]T, _, gout []T) {
	if k.ReLU {
		gateTo(k.gate, gout, k.pre, 1)
		gout = k.gate
	}
	if gin[0] != nil {
		k.mul.MulTo(gin[0], gout, in[1], NT, k.rows, k.d, k.h, false)
	}
	if gin[1] != nil {
		k.mul.MulTo(gin[1], in[0], gout, TN, k.d, k.h, k.rows, false)
	}
	if k.bias && gin[2] != nil {
		k.mul.MulTo(gin[2], k.ones, gout, NN, 1, k.h, k.rows, false)
	}
}
