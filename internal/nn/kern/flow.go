package kern

import "fmt"

// Flow lets information flow along the edges of a graph of operations, each of
// which lets through what its gate allows (GATES, Ning et al. 2020, arXiv
// 2004.01899, section 3.2, in the form of its authors' DenseGraphFlow, which
// FLAN, Akhauri and Abdelfattah 2024, took over):
//
//	out = sigmoid(G) * (A S) + S + b
//
// Inputs: S [B, N, H], G [B, N, H], A [B, N, N], b [H], where row i of A says
// which nodes feed node i. Output [B, N, H].
type Flow[T Float] struct {
	b, n, h   int
	mul       Multiplier[T]
	gate, sum []T // sigmoid(G) and A S
	scratch   []T // gradient with respect to A S
	ones      []T
}

// Shape implements [Kernel].
func (k *Flow[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("flow", in, 3, 3, 3, 1); err != nil {
		return nil, err
	}
	k.b, k.n, k.h = in[0][0], in[0][1], in[0][2]
	err := firstError(mismatch("flow", "gate", in[1], in[0]...),
		mismatch("flow", "adjacency", in[2], k.b, k.n, k.n), mismatch("flow", "bias", in[3], k.h))
	if err != nil {
		return nil, err
	}
	size := k.b * k.n * k.h
	k.gate, k.sum, k.scratch = make([]T, size), make([]T, size), make([]T, size)
	k.ones = ones[T](k.b * k.n)
	return []int{k.b, k.n, k.h}, nil
}

// Differentiable implements [Kernel].
func (k *Flow[T]) Differentiable(i int) bool { return i != 2 }

// Forward implements [Kernel].
func (k *Flow[T]) Forward(out []T, in [][]T) {
	sigmoidTo(k.gate, in[1])
	for g := range k.b {
		at := g * k.n * k.h
		k.mul.MulTo(k.sum[at:], in[2][g*k.n*k.n:], in[0][at:], NN, k.n, k.h, k.n, false)
	}
	fillRows(out, in[3])
	addTo(out, in[0])
	mulTo(k.scratch, k.gate, k.sum)
	addTo(out, k.scratch)
}

// Backward implements [Kernel].
func (k *Flow[T]) Backward(gin, in [][]T, _, gout []T) {
	mulTo(k.scratch, gout, k.gate)
	if gin[0] != nil {
		copy(gin[0], gout)
		for g := range k.b {
			at := g * k.n * k.h
			k.mul.MulTo(gin[0][at:], in[2][g*k.n*k.n:], k.scratch[at:], TN, k.n, k.h, k.n, true)
		}
	}
	if gin[1] != nil {
		sigmoidGradTo(gin[1], k.scratch, k.sum, k.gate)
	}
	if gin[3] != nil {
		k.mul.MulTo(gin[3], k.ones, gout, NN, 1, k.h, k.b*k.n, false)
	}
}

// GraphAttention is FLAN's graph attention (Akhauri and Abdelfattah 2024, arXiv
// 2403.02484, in the form of its code's GraphAttentionLayer, without the layer
// normalization that follows there):
//
//	z_ij = A_ij leaky(sum_h a_h Q_ih K_jh)
//	out_i = sigmoid(G_i) * sum_j softmax_j(z_i) V_j
//
// where leaky multiplies negative numbers by .01 and the softmax goes over all
// nodes that the mask keeps: a node without an edge to i counts with z = 0
// there, it is not left out. Inputs: Q, K, V [B, N, H], a [H], A [B, N, N], mask
// [B, N] of zeros and ones, G [B, N, H]. Output [B, N, H]. A node that the mask
// leaves out comes out zero and influences nothing.
type GraphAttention[T Float] struct {
	b, n, h    int
	mul        Multiplier[T]
	aq         []T // a * Q, [B, N, H]
	pre, soft  []T // sum_h a_h Q_ih K_jh and softmax(z), [B, N, N]
	gate, mean []T // sigmoid(G) and softmax(z) V, [B, N, H]
	through    []T // gradient with respect to mean, then a scratch, [B, N, H]
	grad       []T // gradient with respect to soft, then to pre, [N, N]
	ones       []T
}

// leakySlope is PyTorch's default for leaky_relu, which FLAN's code takes.
const leakySlope = .01

// Shape implements [Kernel].
func (k *GraphAttention[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("graph attention", in, 3, 3, 3, 1, 3, 2, 3); err != nil {
		return nil, err
	}
	k.b, k.n, k.h = in[0][0], in[0][1], in[0][2]
	err := firstError(mismatch("graph attention", "K", in[1], in[0]...), mismatch("graph attention", "V", in[2], in[0]...),
		mismatch("graph attention", "a", in[3], k.h), mismatch("graph attention", "adjacency", in[4], k.b, k.n, k.n),
		mismatch("graph attention", "mask", in[5], k.b, k.n), mismatch("graph attention", "gate", in[6], in[0]...))
	if err != nil {
		return nil, err
	}
	size, square := k.b*k.n*k.h, k.b*k.n*k.n
	k.aq, k.pre, k.soft = make([]T, size), make([]T, square), make([]T, square)
	k.gate, k.mean, k.through = make([]T, size), make([]T, size), make([]T, size)
	k.grad = make([]T, k.n*k.n)
	k.ones = ones[T](k.b * k.n)
	return []int{k.b, k.n, k.h}, nil
}

// Differentiable implements [Kernel].
func (k *GraphAttention[T]) Differentiable(i int) bool { return i != 4 && i != 5 }

// Forward implements [Kernel].
func (k *GraphAttention[T]) Forward(out []T, in [][]T) {
	fillRows(k.aq, in[3])
	mulTo(k.aq, k.aq, in[0])
	for g := range k.b {
		at, sq := g*k.n*k.h, g*k.n*k.n
		pre, soft := k.pre[sq:sq+k.n*k.n], k.soft[sq:sq+k.n*k.n]
		k.mul.MulTo(pre, k.aq[at:], in[1][at:], NT, k.n, k.n, k.h, false)
		for i, x := range pre {
			if x < 0 {
				x *= leakySlope
			}
			soft[i] = x * in[4][sq+i]
		}
		maskedSoftmaxTo(soft, in[5][g*k.n:(g+1)*k.n])
		k.mul.MulTo(k.mean[at:], soft, in[2][at:], NN, k.n, k.h, k.n, false)
	}
	sigmoidTo(k.gate, in[6])
	mulTo(out, k.gate, k.mean)
}

// maskedSoftmaxTo replaces each row of z, which has a row and a column for each
// element of mask, by its softmax over the columns that mask keeps. Rows and
// columns that it doesn't keep become zero.
func maskedSoftmaxTo[T Float](z, mask []T) {
	n := len(mask)
	for i, keep := range mask {
		row := z[i*n : (i+1)*n]
		if keep == 0 {
			clear(row)
			continue
		}
		top := row[i] // kept
		for j, x := range row {
			if mask[j] != 0 {
				top = max(top, x)
			}
		}
		for j, x := range row {
			row[j] = min(x-top, 0) // of columns left out too: no overflow
		}
		expTo(row, row)
		var sum T
		for j, x := range row {
			sum += x * mask[j]
		}
		for j := range row {
			row[j] *= mask[j] / sum
		}
	}
}

// Backward implements [Kernel].
func (k *GraphAttention[T]) Backward(gin, in [][]T, _, gout []T) {
	mulTo(k.through, gout, k.gate)
	if gin[6] != nil {
		sigmoidGradTo(gin[6], k.through, k.mean, k.gate)
	}
	for g := range k.b {
		at, sq := g*k.n*k.h, g*k.n*k.n
		soft := k.soft[sq : sq+k.n*k.n]
		through := k.through[at : at+k.n*k.h]
		if gin[2] != nil {
			k.mul.MulTo(gin[2][at:], soft, through, TN, k.n, k.h, k.n, false)
		}
		k.mul.MulTo(k.grad, through, in[2][at:], NT, k.n, k.n, k.h, false)
		for i := range k.n {
			row, p := k.grad[i*k.n:(i+1)*k.n], soft[i*k.n:(i+1)*k.n]
			var dot T
			for j, x := range row {
				dot += x * p[j]
			}
			for j, x := range row {
				slope := in[4][sq+i*k.n+j]
				if k.pre[sq+i*k.n+j] < 0 {
					slope *= leakySlope
				}
				row[j] = p[j] * (x - dot) * slope
			}
		}
		if gin[1] != nil {
			k.mul.MulTo(gin[1][at:], k.grad, k.aq[at:], TN, k.n, k.h, k.n, false)
		}
		// From here on through holds the gradient with respect to a * Q.
		k.mul.MulTo(through, k.grad, in[1][at:], NN, k.n, k.h, k.n, false)
	}
	if gin[0] != nil {
		fillRows(gin[0], in[3])
		mulTo(gin[0], gin[0], k.through)
	}
	if gin[3] != nil {
		mulTo(k.through, k.through, in[0])
		k.mul.MulTo(gin[3], k.ones, k.through, NN, 1, k.h, k.b*k.n, false)
	}
}

// Midpoint is (x + y) / 2, followed by a rectifier if ReLU is set. Inputs: two
// tensors of one shape. Output like them.
type Midpoint[T Float] struct {
	ReLU bool

	pre []T
}

// Shape implements [Kernel].
func (k *Midpoint[T]) Shape(in ...[]int) ([]int, error) {
	if len(in) != 2 {
		return nil, fmt.Errorf("midpoint: %d inputs, want 2", len(in))
	}
	if err := mismatch("midpoint", "second input", in[1], in[0]...); err != nil {
		return nil, err
	}
	k.pre = make([]T, Size(in[0]))
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*Midpoint[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *Midpoint[T]) Forward(out []T, in [][]T) {
	copy(k.pre, in[0])
	addTo(k.pre, in[1])
	if k.ReLU {
		gateTo(out, k.pre, k.pre, .5)
		return
	}
	for i, x := range k.pre {
		out[i] = x / 2
	}
}

// Backward implements [Kernel].
func (k *Midpoint[T]) Backward(gin, _ [][]T, _, gout []T) {
	for _, g := range gin {
		switch {
		case g == nil:
		case k.ReLU:
			gateTo(g, gout, k.pre, .5)
		default:
			for i, x := range gout {
				g[i] = x / 2
			}
		}
	}
}

// Place puts one vector a graph at the nodes that a mask marks, and zeros at the
// others: what [Pool] with Scale 1 takes from one node, it puts back there.
// Inputs: z [B, D], mask [B, N]. Output [B, N, D].
type Place[T Float] struct {
	b, n, d int
}

// Shape implements [Kernel].
func (k *Place[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("placing", in, 2, 2); err != nil {
		return nil, err
	}
	k.b, k.d, k.n = in[0][0], in[0][1], in[1][1]
	return []int{k.b, k.n, k.d}, mismatch("placing", "mask", in[1], k.b, k.n)
}

// Differentiable implements [Kernel].
func (*Place[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (k *Place[T]) Forward(out []T, in [][]T) {
	clear(out)
	for r, m := range in[1] {
		if m == 0 {
			continue
		}
		for i, x := range in[0][r/k.n*k.d : (r/k.n+1)*k.d] {
			out[r*k.d+i] = m * x
		}
	}
}

// Backward implements [Kernel].
func (k *Place[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	clear(gin[0])
	for r, m := range in[1] {
		if m == 0 {
			continue
		}
		dst := gin[0][r/k.n*k.d : (r/k.n+1)*k.d]
		for i, x := range gout[r*k.d : (r+1)*k.d] {
			dst[i] += m * x
		}
	}
}

// Detach is the identity, through which no gradient goes. Input: X of any shape.
type Detach[T Float] struct{}

// Shape implements [Kernel].
func (*Detach[T]) Shape(in ...[]int) ([]int, error) {
	if len(in) != 1 {
		return nil, fmt.Errorf("detachment: %d inputs, want 1", len(in))
	}
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*Detach[T]) Differentiable(int) bool { return false }

// Forward implements [Kernel].
func (*Detach[T]) Forward(out []T, in [][]T) { copy(out, in[0]) }

// Backward implements [Kernel].
func (*Detach[T]) Backward([][]T, [][]T, []T, []T) {}
