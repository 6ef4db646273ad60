package kern

import "fmt"

// Attention is scaled dot-product attention with several heads (Vaswani et al.
// 2017, "Attention Is All You Need", equation 1). For each head
//
//	out = (softmax(Q K^T / sqrt(d)) * M) V
//
// Inputs: Q, K [B, N, Heads d], V [B, N, Heads e], mask [B, N] of zeros and ones
// and, optionally, M [B, Heads, N, N], the factors of a dropout. Output
// [B, N, Heads e]. Heads lie one after another in the last axis. The softmax
// runs over the nodes that the mask keeps; the others come out zero. Time and
// memory grow with N^2.
type Attention[T Float] struct {
	Heads int

	b, n, d, e int
	mul        Multiplier[T]
	weights    []T // softmax, [B, Heads, N, N]
	// One head of one graph: q, k [N, d], v, o [N, e], their gradients' scratch,
	// and the factors of V, or their gradient, [N, N].
	q, k, v, o, p, g []T
}

// Shape implements [Kernel].
func (k *Attention[T]) Shape(in ...[]int) ([]int, error) {
	var err error
	if len(in) == 5 {
		err = expect("attention", in, 3, 3, 3, 2, 4)
	} else {
		err = expect("attention", in, 3, 3, 3, 2)
	}
	if err != nil {
		return nil, err
	}
	k.b, k.n = in[0][0], in[0][1]
	width, values := in[0][2], in[2][2]
	if k.Heads < 1 || width%k.Heads != 0 || values%k.Heads != 0 {
		return nil, fmt.Errorf("attention: %d heads for widths %d and %d", k.Heads, width, values)
	}
	k.d, k.e = width/k.Heads, values/k.Heads
	err = firstError(
		mismatch("attention", "K", in[1], in[0]...),
		mismatch("attention", "V", in[2], k.b, k.n, values),
		mismatch("attention", "mask", in[3], k.b, k.n))
	if err == nil && len(in) == 5 {
		err = mismatch("attention", "dropout", in[4], k.b, k.Heads, k.n, k.n)
	}
	if err != nil {
		return nil, err
	}
	k.weights = make([]T, k.b*k.Heads*k.n*k.n)
	k.q, k.k, k.v, k.o = make([]T, k.n*k.d), make([]T, k.n*k.d), make([]T, k.n*k.e), make([]T, k.n*k.e)
	k.p, k.g = make([]T, k.n*k.n), make([]T, k.n*k.n)
	return []int{k.b, k.n, values}, nil
}

// Differentiable implements [Kernel].
func (*Attention[T]) Differentiable(i int) bool { return i < 3 }

// head copies head h of graph b, w numbers a node, from src to dst.
func (k *Attention[T]) head(dst, src []T, b, h, w int) {
	for i := range k.n {
		copy(dst[i*w:(i+1)*w], src[((b*k.n+i)*k.Heads+h)*w:])
	}
}

// setHead is head the other way.
func (k *Attention[T]) setHead(dst, src []T, b, h, w int) {
	for i := range k.n {
		copy(dst[((b*k.n+i)*k.Heads+h)*w:], src[i*w:(i+1)*w])
	}
}

// Forward implements [Kernel].
func (k *Attention[T]) Forward(out []T, in [][]T) {
	scale := 1 / sqrt(T(k.d))
	square := k.n * k.n
	for b := range k.b {
		mask := in[3][b*k.n : (b+1)*k.n]
		for h := range k.Heads {
			k.head(k.q, in[0], b, h, k.d)
			k.head(k.k, in[1], b, h, k.d)
			k.head(k.v, in[2], b, h, k.e)
			at := (b*k.Heads + h) * square
			weights := k.weights[at : at+square]
			k.mul.MulTo(weights, k.q, k.k, NT, k.n, k.n, k.d, false)
			for i, m := range mask {
				row := weights[i*k.n : (i+1)*k.n]
				if m == 0 {
					clear(row)
					continue
				}
				softmaxOfTo(row, mask, scale)
			}
			k.mul.MulTo(k.o, k.dropped(weights, in, at), k.v, NN, k.n, k.e, k.n, false)
			k.setHead(out, k.o, b, h, k.e)
		}
	}
}

// dropped returns the softmax weights, which begin at index at of the whole
// tensor, times the factors of the dropout.
func (k *Attention[T]) dropped(weights []T, in [][]T, at int) []T {
	if len(in) < 5 {
		return weights
	}
	mulTo(k.p, weights, in[4][at:])
	return k.p
}

// softmaxOfTo replaces row by the softmax of scale * row over the elements
// that mask keeps, of which there is at least one, and by 0 elsewhere.
func softmaxOfTo[T Float](row, mask []T, scale T) {
	var top, sum T
	first := true
	for i, m := range mask {
		if m != 0 && (first || row[i] > top) {
			top, first = row[i], false
		}
	}
	for i, m := range mask {
		if m == 0 {
			row[i] = 0
			continue
		}
		row[i] = exp(scale * (row[i] - top))
		sum += row[i]
	}
	for i := range row {
		row[i] /= sum
	}
}

// Backward implements [Kernel].
func (k *Attention[T]) Backward(gin, in [][]T, _, gout []T) {
	scale := 1 / sqrt(T(k.d))
	square := k.n * k.n
	for b := range k.b {
		for h := range k.Heads {
			at := (b*k.Heads + h) * square
			weights := k.weights[at : at+square]
			k.head(k.o, gout, b, h, k.e)
			if gin[2] != nil {
				k.mul.MulTo(k.v, k.dropped(weights, in, at), k.o, TN, k.n, k.e, k.n, false)
				k.setHead(gin[2], k.v, b, h, k.e)
			}
			if gin[0] == nil && gin[1] == nil {
				continue
			}
			k.head(k.v, in[2], b, h, k.e)
			k.mul.MulTo(k.g, k.o, k.v, NT, k.n, k.n, k.e, false)
			if len(in) == 5 {
				mulTo(k.g, k.g, in[4][at:])
			}
			// Of a row of the softmax p with gradient g: p (g - sum p g).
			for i := range k.n {
				p, g := weights[i*k.n:(i+1)*k.n], k.g[i*k.n:(i+1)*k.n]
				var dot T
				for j, x := range p {
					dot += x * g[j]
				}
				for j, x := range p {
					g[j] = scale * x * (g[j] - dot)
				}
			}
			if gin[0] != nil {
				k.head(k.k, in[1], b, h, k.d)
				k.mul.MulTo(k.q, k.g, k.k, NN, k.n, k.d, k.n, false)
				k.setHead(gin[0], k.q, b, h, k.d)
			}
			if gin[1] != nil {
				k.head(k.q, in[0], b, h, k.d)
				k.mul.MulTo(k.k, k.g, k.q, TN, k.n, k.d, k.n, false)
				k.setHead(gin[1], k.k, b, h, k.d)
			}
		}
	}
}

// BatchMatMul multiplies matrices pair by pair. Inputs: A [B, M, K], X [B, K, N].
// Output [B, M, N]. With an adjacency matrix for A it sums what neighbors send.
type BatchMatMul[T Float] struct {
	b, m, k, n int
	mul        Multiplier[T]
}

// Shape implements [Kernel].
func (k *BatchMatMul[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("batched product", in, 3, 3); err != nil {
		return nil, err
	}
	k.b, k.m, k.k, k.n = in[0][0], in[0][1], in[0][2], in[1][2]
	return []int{k.b, k.m, k.n}, mismatch("batched product", "second factor", in[1], k.b, k.k, k.n)
}

// Differentiable implements [Kernel].
func (*BatchMatMul[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *BatchMatMul[T]) Forward(out []T, in [][]T) {
	for b := range k.b {
		k.mul.MulTo(out[b*k.m*k.n:], in[0][b*k.m*k.k:], in[1][b*k.k*k.n:], NN, k.m, k.n, k.k, false)
	}
}

// Backward implements [Kernel].
func (k *BatchMatMul[T]) Backward(gin, in [][]T, _, gout []T) {
	for b := range k.b {
		a, x, g := b*k.m*k.k, b*k.k*k.n, b*k.m*k.n
		if gin[0] != nil {
			k.mul.MulTo(gin[0][a:], gout[g:], in[1][x:], NT, k.m, k.k, k.n, false)
		}
		if gin[1] != nil {
			k.mul.MulTo(gin[1][x:], in[0][a:], gout[g:], TN, k.k, k.n, k.m, false)
		}
	}
}
