package kern

import (
	"fmt"
	"math"
)

// Choice is the weighted mean of -log softmax(logits)[label] over rows, and 0 if
// all weights are. Inputs: logits [..., C], labels [...], each a whole number
// below C, weights [...]. Output: a scalar.
type Choice[T Float] struct {
	rows, c int
	soft    []T
}

// Shape implements [Kernel].
func (k *Choice[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("choice", in, -1, -1, -1); err != nil {
		return nil, err
	}
	last := len(in[0]) - 1
	k.rows, k.c = Size(in[0][:last]), in[0][last]
	k.soft = make([]T, k.rows*k.c)
	return []int{}, firstError(mismatch("choice", "labels", in[1], in[0][:last]...), mismatch("choice", "weights", in[2], in[0][:last]...))
}

// Differentiable implements [Kernel].
func (*Choice[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (k *Choice[T]) Forward(out []T, in [][]T) {
	var sum, weight T
	for r, w := range in[2] {
		if w == 0 {
			continue
		}
		x, soft := in[0][r*k.c:(r+1)*k.c], k.soft[r*k.c:(r+1)*k.c]
		sum += w * (softmaxTo(soft, x) - x[int(in[1][r])])
		weight += w
	}
	out[0] = ratio(sum, weight)
}

// softmaxTo writes the softmax of x to dst and returns log sum exp of x.
func softmaxTo[T Float](dst, x []T) T {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	var total T
	for i, v := range x {
		dst[i] = exp(v - top)
		total += dst[i]
	}
	for i := range x {
		dst[i] /= total
	}
	return top + T(math.Log(float64(total)))
}

// Backward implements [Kernel].
func (k *Choice[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	clear(gin[0])
	var weight T
	for _, w := range in[2] {
		weight += w
	}
	for r, w := range in[2] {
		if w == 0 {
			continue
		}
		g := ratio(w*gout[0], weight)
		dst := gin[0][r*k.c : (r+1)*k.c]
		for i, p := range k.soft[r*k.c : (r+1)*k.c] {
			dst[i] = g * p
		}
		dst[int(in[1][r])] -= g
	}
}

// InnerProduct is the loss of a graph autoencoder's inner-product decoder (Kipf
// and Welling 2016, "Variational Graph Auto-Encoders", equation 2): the mean,
// over pairs i < j of nodes of one graph that the mask keeps, of the binary
// cross-entropy between sigmoid(z_i . z_j) and A[i, j], and 0 if there are none.
// Inputs: Z [B, N, D], A [B, N, N] of zeros and ones, mask [B, N]. Output: a
// scalar.
type InnerProduct[T Float] struct {
	b, n, d int
	mul     Multiplier[T]
	gate    []T // [N, N], the gradient with respect to one graph's products
	logits  []T // [B, N, N]
}

// Shape implements [Kernel].
func (k *InnerProduct[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("inner product", in, 3, 3, 2); err != nil {
		return nil, err
	}
	k.b, k.n, k.d = in[0][0], in[0][1], in[0][2]
	k.gate, k.logits = make([]T, k.n*k.n), make([]T, k.b*k.n*k.n)
	return []int{}, firstError(mismatch("inner product", "A", in[1], k.b, k.n, k.n), mismatch("inner product", "mask", in[2], k.b, k.n))
}

// Differentiable implements [Kernel].
func (*InnerProduct[T]) Differentiable(i int) bool { return i == 0 }

// pairs calls f for the pairs of graph g that count, with the pair's place in a
// matrix [N, N], and returns how many there are.
func (k *InnerProduct[T]) pairs(g int, mask []T, f func(i, j, at int)) int {
	n := 0
	mask = mask[g*k.n : (g+1)*k.n]
	for i, m := range mask {
		for j := i + 1; j < k.n && m != 0; j++ {
			if mask[j] != 0 {
				f(i, j, i*k.n+j)
				n++
			}
		}
	}
	return n
}

// Forward implements [Kernel].
func (k *InnerProduct[T]) Forward(out []T, in [][]T) {
	sum, count := 0.0, 0
	for g := range k.b {
		z, logits, a := in[0][g*k.n*k.d:], k.logits[g*k.n*k.n:], in[1][g*k.n*k.n:]
		k.mul.MulTo(logits, z, z, NT, k.n, k.n, k.d, false)
		count += k.pairs(g, in[2], func(_, _, at int) {
			x := float64(logits[at])
			sum += softplus(x) - float64(a[at])*x
		})
	}
	out[0] = ratio(T(sum), T(count))
}

// Backward implements [Kernel].
func (k *InnerProduct[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	count := 0
	for g := range k.b {
		clear(k.gate)
		logits, a := k.logits[g*k.n*k.n:], in[1][g*k.n*k.n:]
		count += k.pairs(g, in[2], func(i, j, at int) {
			v := T(logistic(float64(logits[at]))) - a[at]
			k.gate[i*k.n+j], k.gate[j*k.n+i] = v, v
		})
		k.mul.MulTo(gin[0][g*k.n*k.d:], k.gate, in[0][g*k.n*k.d:], NN, k.n, k.d, k.n, false)
	}
	scale := ratio(gout[0], T(count))
	for i := range gin[0] {
		gin[0][i] *= scale
	}
}

// GaussianKL is the Kullback-Leibler divergence from a standard normal
// distribution to N(m, s^2), summed over the last axis (Kingma and Welling 2014,
// "Auto-Encoding Variational Bayes", appendix B), in the weighted mean over
// rows; 0 if all weights are. Inputs: m [..., D], log s [..., D], weights [...].
// Output: a scalar.
type GaussianKL[T Float] struct {
	rows, d int
}

// Shape implements [Kernel].
func (k *GaussianKL[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("divergence", in, -1, -1, -1); err != nil {
		return nil, err
	}
	last := len(in[0]) - 1
	k.rows, k.d = Size(in[0][:last]), in[0][last]
	return []int{}, firstError(mismatch("divergence", "log s", in[1], in[0]...), mismatch("divergence", "weights", in[2], in[0][:last]...))
}

// Differentiable implements [Kernel].
func (*GaussianKL[T]) Differentiable(i int) bool { return i < 2 }

// Forward implements [Kernel].
func (k *GaussianKL[T]) Forward(out []T, in [][]T) {
	var sum, weight T
	for r, w := range in[2] {
		if w == 0 {
			continue
		}
		var row T
		for i := r * k.d; i < (r+1)*k.d; i++ {
			m, l := in[0][i], in[1][i]
			row += (m*m + exp(2*l) - 1 - 2*l) / 2
		}
		sum += w * row
		weight += w
	}
	out[0] = ratio(sum, weight)
}

// Backward implements [Kernel].
func (k *GaussianKL[T]) Backward(gin, in [][]T, _, gout []T) {
	var weight T
	for _, w := range in[2] {
		weight += w
	}
	for r, w := range in[2] {
		g := ratio(w*gout[0], weight)
		for i := r * k.d; i < (r+1)*k.d; i++ {
			if gin[0] != nil {
				gin[0][i] = g * in[0][i]
			}
			if gin[1] != nil {
				gin[1][i] = 0
				if w != 0 {
					gin[1][i] = g * (exp(2*in[1][i]) - 1)
				}
			}
		}
	}
}

// Sample draws from N(m, s^2) with noise that is data: out = m + s e. Inputs: m,
// log s and e, all of one shape. Output like them.
type Sample[T Float] struct{}

// Shape implements [Kernel].
func (*Sample[T]) Shape(in ...[]int) ([]int, error) {
	if len(in) != 3 {
		return nil, fmt.Errorf("sample: %d inputs, want 3", len(in))
	}
	return append([]int{}, in[0]...), firstError(mismatch("sample", "log s", in[1], in[0]...), mismatch("sample", "noise", in[2], in[0]...))
}

// Differentiable implements [Kernel].
func (*Sample[T]) Differentiable(i int) bool { return i < 2 }

// Forward implements [Kernel].
func (*Sample[T]) Forward(out []T, in [][]T) {
	for i, m := range in[0] {
		out[i] = m + exp(in[1][i])*in[2][i]
	}
}

// Backward implements [Kernel].
func (*Sample[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] != nil {
		copy(gin[0], gout)
	}
	if gin[1] != nil {
		for i, g := range gout {
			gin[1][i] = g * exp(in[1][i]) * in[2][i]
		}
	}
}
