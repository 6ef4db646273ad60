package kern

import "fmt"

// Neighbors adds up each node and its neighbors: out = A X + (1 + e) X, the
// aggregation of a graph isomorphism network (Xu et al. 2019, "How Powerful are
// Graph Neural Networks?", equation 4.1 without its perceptron). Inputs:
// X [B, N, D], A [B, N, N], e [1]. Output [B, N, D].
type Neighbors[T Float] struct {
	b, n, d int
	mul     Multiplier[T]
}

// Shape implements [Kernel].
func (k *Neighbors[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("neighbors", in, 3, 3, 1); err != nil {
		return nil, err
	}
	k.b, k.n, k.d = in[0][0], in[0][1], in[0][2]
	return []int{k.b, k.n, k.d}, firstError(mismatch("neighbors", "A", in[1], k.b, k.n, k.n), mismatch("neighbors", "e", in[2], 1))
}

// Differentiable implements [Kernel].
func (*Neighbors[T]) Differentiable(i int) bool { return i != 1 }

// Forward implements [Kernel].
func (k *Neighbors[T]) Forward(out []T, in [][]T) {
	self := 1 + in[2][0]
	for i, x := range in[0] {
		out[i] = self * x
	}
	for g := range k.b {
		k.mul.MulTo(out[g*k.n*k.d:], in[1][g*k.n*k.n:], in[0][g*k.n*k.d:], NN, k.n, k.d, k.n, true)
	}
}

// Backward implements [Kernel].
func (k *Neighbors[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] != nil {
		self := 1 + in[2][0]
		for i, g := range gout {
			gin[0][i] = self * g
		}
		for g := range k.b {
			k.mul.MulTo(gin[0][g*k.n*k.d:], in[1][g*k.n*k.n:], gout[g*k.n*k.d:], TN, k.n, k.d, k.n, true)
		}
	}
	if gin[2] != nil {
		var sum T
		for i, g := range gout {
			sum += g * in[0][i]
		}
		gin[2][0] = sum
	}
}

// Moments are a batch normalization's means and variances, as training leaves
// them for evaluation. Networks that share parameters share them, too.
type Moments[T Float] struct {
	Mean, Variance []T
}

// NodeNorm is batch normalization (Ioffe and Szegedy 2015) over rows, with a
// learned gain and bias. Inputs: X [..., D], gain [D], bias [D], mask [...].
// Output like X. In training the mean and variance of each column are those of
// the rows whose mask is not 0, and Moments follow them with PyTorch's momentum
// .1, the variance there by Bessel's correction; otherwise Moments take their
// place, so that a row's result doesn't depend on the others. Rows with mask 0
// come out 0.
type NodeNorm[T Float] struct {
	Training bool
	Moments  *Moments[T]

	rows, d     int
	count       T
	hat         []T
	scale, a, b []T // of the columns
}

// Shape implements [Kernel].
func (k *NodeNorm[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("batch norm of nodes", in, -1, 1, 1, -1); err != nil {
		return nil, err
	}
	last := len(in[0]) - 1
	k.rows, k.d = Size(in[0][:last]), in[0][last]
	err := firstError(mismatch("batch norm of nodes", "gain", in[1], k.d), mismatch("batch norm of nodes", "bias", in[2], k.d),
		mismatch("batch norm of nodes", "mask", in[3], in[0][:last]...))
	if err != nil {
		return nil, err
	}
	if k.Moments == nil || len(k.Moments.Mean) != k.d || len(k.Moments.Variance) != k.d {
		return nil, fmt.Errorf("batch norm of nodes: no moments of %d columns", k.d)
	}
	k.hat = make([]T, k.rows*k.d)
	k.scale, k.a, k.b = make([]T, k.d), make([]T, k.d), make([]T, k.d)
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*NodeNorm[T]) Differentiable(i int) bool { return i < 3 }

// Forward implements [Kernel].
func (k *NodeNorm[T]) Forward(out []T, in [][]T) {
	mean, variance := k.Moments.Mean, k.Moments.Variance
	if k.Training {
		mean, variance = k.a, k.b
		k.moments(mean, variance, in[0], in[3])
		const momentum = .1
		for j := range k.d {
			k.Moments.Mean[j] += momentum * (mean[j] - k.Moments.Mean[j])
			k.Moments.Variance[j] += momentum * (variance[j]*k.count/max(k.count-1, 1) - k.Moments.Variance[j])
		}
	}
	for j, v := range variance {
		k.scale[j] = 1 / sqrt(v+normEps)
	}
	for r, m := range in[3] {
		y := out[r*k.d : (r+1)*k.d]
		if m == 0 {
			clear(y)
			continue
		}
		x, hat := in[0][r*k.d:(r+1)*k.d], k.hat[r*k.d:(r+1)*k.d]
		for j, v := range x {
			hat[j] = (v - mean[j]) * k.scale[j]
		}
		mulTo(y, hat, in[1])
		addTo(y, in[2])
	}
}

// moments writes the columns' means and variances over the rows with a mask.
func (k *NodeNorm[T]) moments(mean, variance, x, mask []T) {
	clear(mean)
	clear(variance)
	k.count = 0
	for r, m := range mask {
		if m != 0 {
			k.count++
			addTo(mean, x[r*k.d:])
		}
	}
	n := max(k.count, 1)
	for j := range mean {
		mean[j] /= n
	}
	for r, m := range mask {
		if m != 0 {
			for j, v := range x[r*k.d : (r+1)*k.d] {
				variance[j] += (v - mean[j]) * (v - mean[j])
			}
		}
	}
	for j := range variance {
		variance[j] /= n
	}
}

// Backward implements [Kernel].
func (k *NodeNorm[T]) Backward(gin, in [][]T, _, gout []T) {
	sum, dot := k.a, k.b // of gout and of gout hat
	clear(sum)
	clear(dot)
	for r, m := range in[3] {
		if m == 0 {
			continue
		}
		g, hat := gout[r*k.d:(r+1)*k.d], k.hat[r*k.d:(r+1)*k.d]
		addTo(sum, g)
		for j, v := range g {
			dot[j] += v * hat[j]
		}
	}
	if gin[1] != nil {
		copy(gin[1], dot)
	}
	if gin[2] != nil {
		copy(gin[2], sum)
	}
	if gin[0] == nil {
		return
	}
	n := max(k.count, 1)
	for r, m := range in[3] {
		dst := gin[0][r*k.d : (r+1)*k.d]
		if m == 0 {
			clear(dst)
			continue
		}
		g, hat := gout[r*k.d:(r+1)*k.d], k.hat[r*k.d:(r+1)*k.d]
		for j, v := range g {
			if k.Training {
				v -= (sum[j] + hat[j]*dot[j]) / n
			}
			dst[j] = in[1][j] * k.scale[j] * v
		}
	}
}
