package kern

import (
	"fmt"
	"slices"
)

// Pool sums the nodes of each graph that its mask keeps and multiplies by Scale;
// with Scale 0 it takes their mean (0 where there are none). Inputs: X [B, N, D],
// mask [B, N] of zeros and ones. Output [B, D]. Where the mask is [B/K, K N], K
// graphs that follow each other are pooled as one, and the output is [B/K, D].
type Pool[T Float] struct {
	Scale T

	b, n, d int
	weight  []T
}

// Shape implements [Kernel].
func (k *Pool[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("pooling", in, 3, 2); err != nil {
		return nil, err
	}
	k.b, k.n, k.d = in[0][0], in[0][1], in[0][2]
	if joined := in[1][0]; joined > 0 && k.b%joined == 0 {
		k.b, k.n = joined, k.n*k.b/joined
	}
	if err := mismatch("pooling", "mask", in[1], k.b, k.n); err != nil {
		return nil, err
	}
	k.weight = make([]T, k.b)
	return []int{k.b, k.d}, nil
}

// Differentiable implements [Kernel].
func (k *Pool[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (k *Pool[T]) Forward(out []T, in [][]T) {
	clear(out)
	for b := range k.b {
		mask := in[1][b*k.n : (b+1)*k.n]
		k.weight[b] = k.Scale
		if k.Scale == 0 {
			var live T
			for _, m := range mask {
				live += m
			}
			if live > 0 {
				k.weight[b] = 1 / live
			}
		}
		row := out[b*k.d : (b+1)*k.d]
		for n, m := range mask {
			if m != 0 {
				addTo(row, in[0][(b*k.n+n)*k.d:])
			}
		}
		for i := range row {
			row[i] *= k.weight[b]
		}
	}
}

// Backward implements [Kernel].
func (k *Pool[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	clear(gin[0])
	for b := range k.b {
		for n, m := range in[1][b*k.n : (b+1)*k.n] {
			if m == 0 {
				continue
			}
			dst := gin[0][(b*k.n+n)*k.d:][:k.d]
			for i, g := range gout[b*k.d : (b+1)*k.d] {
				dst[i] = g * k.weight[b]
			}
		}
	}
}

// Mul multiplies two tensors of one shape, element by element. Dropout is a Mul
// with a mask of zeros and 1/(1-p), drawn by the caller.
type Mul[T Float] struct{}

// Shape implements [Kernel].
func (*Mul[T]) Shape(in ...[]int) ([]int, error) {
	if len(in) != 2 || !slices.Equal(in[0], in[1]) {
		return nil, fmt.Errorf("product: inputs of shapes %v, want two alike", in)
	}
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*Mul[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (*Mul[T]) Forward(out []T, in [][]T) { mulTo(out, in[0], in[1]) }

// Backward implements [Kernel].
func (*Mul[T]) Backward(gin, in [][]T, _, gout []T) {
	for i, g := range gin {
		if g != nil {
			mulTo(g, gout, in[1-i])
		}
	}
}

// Add sums any number of tensors of one shape.
type Add[T Float] struct{}

// Shape implements [Kernel].
func (*Add[T]) Shape(in ...[]int) ([]int, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("sum: no inputs")
	}
	for _, s := range in[1:] {
		if err := mismatch("sum", "an input", s, in[0]...); err != nil {
			return nil, err
		}
	}
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*Add[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (*Add[T]) Forward(out []T, in [][]T) {
	copy(out, in[0])
	for _, x := range in[1:] {
		addTo(out, x)
	}
}

// Backward implements [Kernel].
func (*Add[T]) Backward(gin, _ [][]T, _, gout []T) {
	for _, g := range gin {
		copy(g, gout)
	}
}

// AddToNodes adds one vector a graph to all its nodes: the step of HyperNAS's
// global encoding that feeds a cell's pooled vector to the next cell. Inputs:
// X [B, N, D], z [B, D]. Output like X.
type AddToNodes[T Float] struct {
	b, n, d int
}

// Shape implements [Kernel].
func (k *AddToNodes[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("addition to nodes", in, 3, 2); err != nil {
		return nil, err
	}
	k.b, k.n, k.d = in[0][0], in[0][1], in[0][2]
	if err := mismatch("addition to nodes", "vector", in[1], k.b, k.d); err != nil {
		return nil, err
	}
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*AddToNodes[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *AddToNodes[T]) Forward(out []T, in [][]T) {
	for b := range k.b {
		fillRows(out[b*k.n*k.d:(b+1)*k.n*k.d], in[1][b*k.d:(b+1)*k.d])
	}
	addTo(out, in[0])
}

// Backward implements [Kernel].
func (k *AddToNodes[T]) Backward(gin, _ [][]T, _, gout []T) {
	copy(gin[0], gout)
	if gin[1] == nil {
		return
	}
	clear(gin[1])
	for r := range k.b * k.n {
		b := r / k.n
		addTo(gin[1][b*k.d:(b+1)*k.d], gout[r*k.d:])
	}
}

// Combine is a weighted sum of S vectors a row, with weights that are data:
// out[b] = sum_s c[b, s] x_s[b]. Inputs: x_1 ... x_S [B, D], then c [B, S].
// Output [B, D]. HyperNAS's mean over cells is such a sum, with c = 1 / number
// of cells where a cell exists and 0 where the sequence has ended.
type Combine[T Float] struct {
	b, d, s int
}

// Shape implements [Kernel].
func (k *Combine[T]) Shape(in ...[]int) ([]int, error) {
	k.s = len(in) - 1
	if k.s < 1 || len(in[0]) != 2 {
		return nil, fmt.Errorf("combination: inputs of shapes %v, want vectors and their weights", in)
	}
	k.b, k.d = in[0][0], in[0][1]
	for _, s := range in[:k.s] {
		if err := mismatch("combination", "an input", s, k.b, k.d); err != nil {
			return nil, err
		}
	}
	if err := mismatch("combination", "weights", in[k.s], k.b, k.s); err != nil {
		return nil, err
	}
	return []int{k.b, k.d}, nil
}

// Differentiable implements [Kernel].
func (k *Combine[T]) Differentiable(i int) bool { return i < k.s }

// Forward implements [Kernel].
func (k *Combine[T]) Forward(out []T, in [][]T) {
	clear(out)
	for s, x := range in[:k.s] {
		for b := range k.b {
			c := in[k.s][b*k.s+s]
			if c == 0 {
				continue
			}
			row := out[b*k.d : (b+1)*k.d]
			for i, v := range x[b*k.d : (b+1)*k.d] {
				row[i] += c * v
			}
		}
	}
}

// Backward implements [Kernel].
func (k *Combine[T]) Backward(gin, in [][]T, _, gout []T) {
	for s, g := range gin[:k.s] {
		if g == nil {
			continue
		}
		for b := range k.b {
			c := in[k.s][b*k.s+s]
			row := g[b*k.d : (b+1)*k.d]
			for i, v := range gout[b*k.d : (b+1)*k.d] {
				row[i] = c * v
			}
		}
	}
}

// Share is a sum of vectors that rows have in common, with weights that are data:
// out[b] = sum_s c[b, s] x[s]. Inputs: X [S, D], c [B, S]. Output [B, D].
type Share[T Float] struct {
	b, d, s int
	product Multiplier[T]
}

// Shape implements [Kernel].
func (k *Share[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("share", in, 2, 2); err != nil {
		return nil, err
	}
	k.s, k.d, k.b = in[0][0], in[0][1], in[1][0]
	if err := mismatch("share", "weights", in[1], k.b, k.s); err != nil {
		return nil, err
	}
	return []int{k.b, k.d}, nil
}

// Differentiable implements [Kernel].
func (k *Share[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (k *Share[T]) Forward(out []T, in [][]T) {
	k.product.MulTo(out, in[1], in[0], NN, k.b, k.d, k.s, false)
}

// Backward implements [Kernel].
func (k *Share[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] != nil {
		k.product.MulTo(gin[0], in[1], gout, TN, k.s, k.d, k.b, false)
	}
}

// Concat joins tensors along their last axis. Inputs: x_i [..., D_i] whose other
// axes agree. Output [..., D_1 + D_2 + ...].
type Concat[T Float] struct {
	rows   int
	widths []int
	width  int
}

// Shape implements [Kernel].
func (k *Concat[T]) Shape(in ...[]int) ([]int, error) {
	k.widths, k.width = nil, 0
	for _, s := range in {
		if len(s) == 0 || len(s) != len(in[0]) || !slices.Equal(s[:len(s)-1], in[0][:len(s)-1]) {
			return nil, fmt.Errorf("concatenation: inputs of shapes %v differ in more than the last axis", in)
		}
		k.widths = append(k.widths, s[len(s)-1])
		k.width += s[len(s)-1]
	}
	if len(in) == 0 {
		return nil, fmt.Errorf("concatenation: no inputs")
	}
	lead := in[0][:len(in[0])-1]
	k.rows = Size(lead)
	return append(append([]int{}, lead...), k.width), nil
}

// Differentiable implements [Kernel].
func (*Concat[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *Concat[T]) Forward(out []T, in [][]T) {
	at := 0
	for i, w := range k.widths {
		for r := range k.rows {
			copy(out[r*k.width+at:], in[i][r*w:(r+1)*w])
		}
		at += w
	}
}

// Backward implements [Kernel].
func (k *Concat[T]) Backward(gin, _ [][]T, _, gout []T) {
	at := 0
	for i, w := range k.widths {
		if gin[i] != nil {
			for r := range k.rows {
				copy(gin[i][r*w:(r+1)*w], gout[r*k.width+at:])
			}
		}
		at += w
	}
}

// Take is the first N of the entries of the first axis. Input: X [B, ...] with
// B >= N. Output [N, ...].
type Take[T Float] struct {
	N int
}

// Shape implements [Kernel].
func (k *Take[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("first entries", in, -1); err != nil {
		return nil, err
	}
	if k.N < 1 || k.N > in[0][0] {
		return nil, fmt.Errorf("first entries: %d of shape %v", k.N, in[0])
	}
	return append([]int{k.N}, in[0][1:]...), nil
}

// Differentiable implements [Kernel].
func (*Take[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (*Take[T]) Forward(out []T, in [][]T) { copy(out, in[0]) }

// Backward implements [Kernel].
func (*Take[T]) Backward(gin, _ [][]T, _, gout []T) {
	if gin[0] != nil {
		clear(gin[0][copy(gin[0], gout):])
	}
}

// Scale multiplies a tensor by one factor, which is data. Inputs: X of any
// shape, factor [1]. Output like X.
type Scale[T Float] struct{}

// Shape implements [Kernel].
func (*Scale[T]) Shape(in ...[]int) ([]int, error) {
	if len(in) != 2 {
		return nil, fmt.Errorf("scaling: %d inputs, want 2", len(in))
	}
	return append([]int{}, in[0]...), mismatch("scaling", "factor", in[1], 1)
}

// Differentiable implements [Kernel].
func (*Scale[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (*Scale[T]) Forward(out []T, in [][]T) {
	for i, x := range in[0] {
		out[i] = x * in[1][0]
	}
}

// Backward implements [Kernel].
func (*Scale[T]) Backward(gin, in [][]T, _, gout []T) {
	for i := range gin[0] {
		gin[0][i] = gout[i] * in[1][0]
	}
}

// Column is a vector as a matrix of one column. Input: X [B]. Output [B, 1].
type Column[T Float] struct{}

// Shape implements [Kernel].
func (*Column[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("column", in, 1); err != nil {
		return nil, err
	}
	return []int{in[0][0], 1}, nil
}

// Differentiable implements [Kernel].
func (*Column[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (*Column[T]) Forward(out []T, in [][]T) { copy(out, in[0]) }

// Backward implements [Kernel].
func (*Column[T]) Backward(gin, _ [][]T, _, gout []T) {
	if gin[0] != nil {
		copy(gin[0], gout)
	}
}
