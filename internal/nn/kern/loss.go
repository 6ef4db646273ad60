package kern

import (
	"fmt"
	"math"
)

// MSE is the weighted mean squared error, sum_i w_i (p_i - y_i)^2 / sum_i w_i,
// and 0 if all weights are. Inputs: predictions, targets and weights, all of one
// size. Output: a scalar. A weight of 0 masks the padding of a short batch.
type MSE[T Float] struct {
	n int
}

// Shape implements [Kernel].
func (k *MSE[T]) Shape(in ...[]int) ([]int, error) {
	var err error
	k.n, err = alike("squared error", in, 3)
	return []int{}, err
}

// alike returns the common size of n inputs.
func alike(kernel string, in [][]int, n int) (int, error) {
	if len(in) != n {
		return 0, fmt.Errorf("%s: %d inputs, want %d", kernel, len(in), n)
	}
	size := Size(in[0])
	for _, s := range in {
		if Size(s) != size {
			return 0, fmt.Errorf("%s: inputs of shapes %v differ in size", kernel, in)
		}
	}
	return size, nil
}

// Differentiable implements [Kernel].
func (*MSE[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (k *MSE[T]) Forward(out []T, in [][]T) {
	var sum, weight T
	for i, p := range in[0] {
		d := p - in[1][i]
		sum += in[2][i] * d * d
		weight += in[2][i]
	}
	out[0] = ratio(sum, weight)
}

// ratio returns a / b, and 0 if b is 0.
func ratio[T Float](a, b T) T {
	if b == 0 {
		return 0
	}
	return a / b
}

// Backward implements [Kernel].
func (k *MSE[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	var weight T
	for _, w := range in[2] {
		weight += w
	}
	g := ratio(2*gout[0], weight)
	for i, p := range in[0] {
		gin[0][i] = g * in[2][i] * (p - in[1][i])
	}
}

// PairwiseSoftplus is a smooth ranking loss: the mean of
// softplus(-Slope (p_i - p_j)) over the ordered pairs with y_i > y_j and both
// weights positive, and 0 if there are none. Inputs as for [MSE]. Output: a
// scalar.
type PairwiseSoftplus[T Float] struct {
	Slope T
}

// Shape implements [Kernel].
func (*PairwiseSoftplus[T]) Shape(in ...[]int) ([]int, error) {
	_, err := alike("pairwise loss", in, 3)
	return []int{}, err
}

// Differentiable implements [Kernel].
func (*PairwiseSoftplus[T]) Differentiable(i int) bool { return i == 0 }

// orderedPairs calls f for every pair with y_i > y_j and both weights positive
// and returns how many there are.
func orderedPairs[T Float](y, weights []T, f func(i, j int)) int {
	n := 0
	for i := range y {
		for j := range y {
			if weights[i] > 0 && weights[j] > 0 && y[i] > y[j] {
				f(i, j)
				n++
			}
		}
	}
	return n
}

// Forward implements [Kernel].
func (k *PairwiseSoftplus[T]) Forward(out []T, in [][]T) {
	var sum T
	n := orderedPairs(in[1], in[2], func(i, j int) {
		x := float64(-k.Slope * (in[0][i] - in[0][j]))
		sum += T(max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))))
	})
	out[0] = ratio(sum, T(n))
}

// Backward implements [Kernel].
func (k *PairwiseSoftplus[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	clear(gin[0])
	n := orderedPairs(in[1], in[2], func(i, j int) {
		// The derivative of softplus is the logistic function.
		g := -k.Slope / (1 + exp(k.Slope*(in[0][i]-in[0][j])))
		gin[0][i] += g
		gin[0][j] -= g
	})
	scale := ratio(gout[0], T(n))
	for i := range gin[0] {
		gin[0][i] *= scale
	}
}

// PairwiseHinge is the ranking loss of GATES and its successors: the mean of
// max(0, Margin - (p_i - p_j)) over the ordered pairs with y_i > y_j and both
// weights positive, and 0 if there are none (GATES, section 3.3). Inputs as for
// [MSE]. Output: a scalar.
type PairwiseHinge[T Float] struct {
	Margin T
}

// Shape implements [Kernel].
func (*PairwiseHinge[T]) Shape(in ...[]int) ([]int, error) {
	_, err := alike("pairwise hinge loss", in, 3)
	return []int{}, err
}

// Differentiable implements [Kernel].
func (*PairwiseHinge[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (k *PairwiseHinge[T]) Forward(out []T, in [][]T) {
	var sum T
	n := orderedPairs(in[1], in[2], func(i, j int) { sum += max(0, k.Margin-(in[0][i]-in[0][j])) })
	out[0] = ratio(sum, T(n))
}

// Backward implements [Kernel].
func (k *PairwiseHinge[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	clear(gin[0])
	n := orderedPairs(in[1], in[2], func(i, j int) {
		if in[0][i]-in[0][j] < k.Margin {
			gin[0][i]--
			gin[0][j]++
		}
	})
	scale := ratio(gout[0], T(n))
	for i := range gin[0] {
		gin[0][i] *= scale
	}
}

// CrossEntropy is the mean of -log softmax(logits)[label] over the rows of each
// group. Inputs: logits [A, M, C], labels [M], which all groups share, each a
// whole number below C. Output [A].
type CrossEntropy[T Float] struct {
	a, m, c int
	soft    []T
}

// Shape implements [Kernel].
func (k *CrossEntropy[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("cross-entropy", in, 3, 1); err != nil {
		return nil, err
	}
	k.a, k.m, k.c = in[0][0], in[0][1], in[0][2]
	if err := mismatch("cross-entropy", "labels", in[1], k.m); err != nil {
		return nil, err
	}
	k.soft = make([]T, k.a*k.m*k.c)
	return []int{k.a}, nil
}

// Differentiable implements [Kernel].
func (*CrossEntropy[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (k *CrossEntropy[T]) Forward(out []T, in [][]T) {
	for a := range k.a {
		var sum T
		for m := range k.m {
			at := (a*k.m + m) * k.c
			x, soft := in[0][at:at+k.c], k.soft[at:at+k.c]
			top := x[0]
			for _, v := range x {
				top = max(top, v)
			}
			var total T
			for i, v := range x {
				soft[i] = exp(v - top)
				total += soft[i]
			}
			for i := range soft {
				soft[i] /= total
			}
			sum += T(math.Log(float64(total))) + top - x[int(in[1][m])]
		}
		out[a] = sum / T(k.m)
	}
}

// Backward implements [Kernel].
func (k *CrossEntropy[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	for a := range k.a {
		g := gout[a] / T(k.m)
		for m := range k.m {
			at := (a*k.m + m) * k.c
			for i, p := range k.soft[at : at+k.c] {
				gin[0][at+i] = g * p
			}
			gin[0][at+int(in[1][m])] -= g
		}
	}
}

// Mean is the weighted mean sum_i w_i x_i / sum_i w_i, and 0 if all weights are.
// Inputs: values and weights of one size. Output: a scalar.
type Mean[T Float] struct{}

// Shape implements [Kernel].
func (*Mean[T]) Shape(in ...[]int) ([]int, error) {
	_, err := alike("mean", in, 2)
	return []int{}, err
}

// Differentiable implements [Kernel].
func (*Mean[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (*Mean[T]) Forward(out []T, in [][]T) {
	var sum, weight T
	for i, x := range in[0] {
		sum += in[1][i] * x
		weight += in[1][i]
	}
	out[0] = ratio(sum, weight)
}

// Backward implements [Kernel].
func (*Mean[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	var weight T
	for _, w := range in[1] {
		weight += w
	}
	for i, w := range in[1] {
		gin[0][i] = ratio(gout[0]*w, weight)
	}
}

// adaptiveWeight returns 1/(2u^2), the weight of a task in [AdaptiveLoss], and
// its derivative. For |u| below a floor both go on along the tangent at the
// floor, so that a u which overshoots, or is 0, comes back where the loss asks
// for it. The floor's size matters little: u stays near (L^Q/2)^(1/4), above it
// while the loss is above 1e-5.
func adaptiveWeight(u float64) (weight, slope float64) {
	const floor = .01
	at := math.Copysign(max(math.Abs(u), floor), u)
	slope = -1 / (at * at * at)
	return 1/(2*at*at) + slope*(u-at), slope
}

// AdaptiveLoss joins the losses of several tasks (HyperNAS, Lv et al. 2025,
// arXiv 2509.18151):
//
//	out = sum_t L_t^(Q-1) / (2 u_t^2) L_t + ln(1 + u_t^2)
//
// with learned u. The paper does not say whether the power L_t^(Q-1) is part of
// the gradient: with Attached it is, otherwise it is a coefficient (the
// default). Q = 1 is the weighting of Liebel and Körner (2018, equation 4),
// although the paper calls Q = 2 the ordinary form. Inputs: the losses, each a scalar, then u [number of losses]. Output: a
// scalar. Losses must not be negative.
type AdaptiveLoss[T Float] struct {
	Q        float64
	Attached bool

	tasks int
}

// Shape implements [Kernel].
func (k *AdaptiveLoss[T]) Shape(in ...[]int) ([]int, error) {
	k.tasks = len(in) - 1
	if k.tasks < 1 {
		return nil, fmt.Errorf("adaptive loss: no losses")
	}
	if k.Q < 1 {
		return nil, fmt.Errorf("adaptive loss: q = %v is below 1", k.Q)
	}
	for _, s := range in[:k.tasks] {
		if err := mismatch("adaptive loss", "a loss", s); err != nil {
			return nil, err
		}
	}
	return []int{}, mismatch("adaptive loss", "u", in[k.tasks], k.tasks)
}

// Differentiable implements [Kernel].
func (*AdaptiveLoss[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *AdaptiveLoss[T]) Forward(out []T, in [][]T) {
	var sum float64
	for t, l := range in[:k.tasks] {
		u := float64(in[k.tasks][t])
		weight, _ := adaptiveWeight(u)
		sum += weight*math.Pow(float64(l[0]), k.Q) + math.Log1p(u*u)
	}
	out[0] = T(sum)
}

// Backward implements [Kernel].
func (k *AdaptiveLoss[T]) Backward(gin, in [][]T, _, gout []T) {
	factor := 1.
	if k.Attached {
		factor = k.Q
	}
	for t, l := range in[:k.tasks] {
		u, power := float64(in[k.tasks][t]), math.Pow(float64(l[0]), k.Q-1)
		weight, slope := adaptiveWeight(u)
		if gin[t] != nil {
			gin[t][0] = gout[0] * T(factor*power*weight)
		}
		if gin[k.tasks] != nil {
			gin[k.tasks][t] = gout[0] * T(2*u/(1+u*u)+slope*power*float64(l[0]))
		}
	}
}

// Standardize makes labels of values that the network itself computes: they get
// mean 0 and deviation 1, and no gradient passes. Inputs: values [B] and an
// order [B], a permutation of 0..B-1. Output [B], the standardized value at
// order[i] at i; zeros where all values are the same.
type Standardize[T Float] struct{}

// Shape implements [Kernel].
func (*Standardize[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("standardization", in, 1, 1); err != nil {
		return nil, err
	}
	return []int{in[0][0]}, mismatch("standardization", "order", in[1], in[0][0])
}

// Differentiable implements [Kernel].
func (*Standardize[T]) Differentiable(int) bool { return false }

// Forward implements [Kernel].
func (*Standardize[T]) Forward(out []T, in [][]T) {
	mean, variance := 0.0, 0.0
	n := float64(len(out))
	for _, x := range in[0] {
		mean += float64(x) / n
	}
	for _, x := range in[0] {
		d := float64(x) - mean
		variance += d * d / n
	}
	scale := 0.0
	if variance > 0 {
		scale = 1 / math.Sqrt(variance)
	}
	for i, at := range in[1] {
		out[i] = T((float64(in[0][int(at)]) - mean) * scale)
	}
}

// Backward implements [Kernel].
func (*Standardize[T]) Backward(_, _ [][]T, _, _ []T) {}
