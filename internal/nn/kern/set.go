package kern

// The two kernels of this file are the learned parts of a partial permutation
// invariant set function (Gui et al. 2019, "PINE", arXiv 1909.12903) as PINAT
// uses it (gatset_conv.py, GATSetConv_v5): what a node sends, and what it makes
// of the sum of what it got. A [Linear] stands before them and the sum over
// neighbors, a [BatchMatMul], between. Rows hold O channels of R terms each,
// the terms of a channel next to each other.

// setSlope is the slope of both kernels' rectifiers below 0.
const setSlope = .2

// SetMessage is what a node sends:
//
//	out[o, r] = LeakyReLU(x[o, r] u[o] + v[o])
//
// Inputs: X [..., O R], u [O], v [O]. Output like X.
type SetMessage[T Float] struct {
	rows, o, r int
}

// Shape implements [Kernel].
func (k *SetMessage[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("message", in, -1, 1, 1); err != nil {
		return nil, err
	}
	last := len(in[0]) - 1
	k.rows, k.o = Size(in[0][:last]), in[1][0]
	k.r = in[0][last] / k.o
	return append([]int{}, in[0]...), firstError(
		mismatch("message", "input", in[0][last:], k.o*k.r), mismatch("message", "v", in[2], k.o))
}

// Differentiable implements [Kernel].
func (*SetMessage[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *SetMessage[T]) Forward(out []T, in [][]T) {
	for row := range k.rows {
		for o := range k.o {
			u, v, at := in[1][o], in[2][o], (row*k.o+o)*k.r
			dst := out[at : at+k.r]
			for i, x := range in[0][at : at+k.r] {
				dst[i] = leaky(x*u+v, setSlope)
			}
		}
	}
}

// Backward implements [Kernel].
func (k *SetMessage[T]) Backward(gin, in [][]T, out, gout []T) {
	clear(gin[1])
	clear(gin[2])
	for row := range k.rows {
		for o := range k.o {
			at := (row*k.o + o) * k.r
			var gu, gv T
			for i, x := range in[0][at : at+k.r] {
				g := gout[at+i]
				if out[at+i] <= 0 { // The rectifier keeps signs.
					g *= setSlope
				}
				gu += g * x
				gv += g
				if gin[0] != nil {
					gin[0][at+i] = g * in[1][o]
				}
			}
			if gin[1] != nil {
				gin[1][o] += gu
			}
			if gin[2] != nil {
				gin[2][o] += gv
			}
		}
	}
}

// SetUpdate is what a node makes of the sum that it got:
//
//	y[o, s] = c[o, s] LeakyReLU(sum_r x[o, r] w[o, r, s] + b[o, s])
//
// Inputs: X [..., O R], w [O, R, S], b [O, S], c [O, S]. Output [..., O S], or,
// with Sum, the sum over s, [..., O].
type SetUpdate[T Float] struct {
	Sum bool

	rows, o, r, s int
	pre           []T // before the rectifier, [rows, O, S]
	grad          []T // with respect to one channel's pre, [S]
}

// Shape implements [Kernel].
func (k *SetUpdate[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("update", in, -1, 3, 2, 2); err != nil {
		return nil, err
	}
	last := len(in[0]) - 1
	k.rows, k.o, k.r, k.s = Size(in[0][:last]), in[1][0], in[1][1], in[1][2]
	err := firstError(mismatch("update", "input", in[0][last:], k.o*k.r),
		mismatch("update", "b", in[2], k.o, k.s), mismatch("update", "c", in[3], k.o, k.s))
	if err != nil {
		return nil, err
	}
	k.pre, k.grad = make([]T, k.rows*k.o*k.s), make([]T, k.s)
	width := k.o * k.s
	if k.Sum {
		width = k.o
	}
	return append(append([]int{}, in[0][:last]...), width), nil
}

// Differentiable implements [Kernel].
func (*SetUpdate[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *SetUpdate[T]) Forward(out []T, in [][]T) {
	for row := range k.rows {
		for o := range k.o {
			at := row*k.o + o
			pre := k.pre[at*k.s : (at+1)*k.s]
			copy(pre, in[2][o*k.s:])
			for r, x := range in[0][at*k.r : (at+1)*k.r] {
				w := in[1][(o*k.r+r)*k.s:][:len(pre)]
				for s := range pre {
					pre[s] += x * w[s]
				}
			}
			c := in[3][o*k.s : (o+1)*k.s]
			if !k.Sum {
				dst := out[at*k.s : (at+1)*k.s]
				for s, x := range pre {
					dst[s] = c[s] * leaky(x, setSlope)
				}
				continue
			}
			var sum T
			for s, x := range pre {
				sum += c[s] * leaky(x, setSlope)
			}
			out[at] = sum
		}
	}
}

// Backward implements [Kernel].
func (k *SetUpdate[T]) Backward(gin, in [][]T, _, gout []T) {
	for _, g := range gin[1:] {
		clear(g)
	}
	for row := range k.rows {
		for o := range k.o {
			at := row*k.o + o
			for s, x := range k.pre[at*k.s : (at+1)*k.s] {
				g := gout[at]
				if !k.Sum {
					g = gout[at*k.s+s]
				}
				if gin[3] != nil {
					gin[3][o*k.s+s] += g * leaky(x, setSlope)
				}
				g *= in[3][o*k.s+s]
				if x <= 0 {
					g *= setSlope
				}
				k.grad[s] = g
			}
			if gin[2] != nil {
				addTo(gin[2][o*k.s:(o+1)*k.s], k.grad)
			}
			for r, x := range in[0][at*k.r : (at+1)*k.r] {
				from := (o*k.r + r) * k.s
				w := in[1][from : from+k.s]
				if gin[0] != nil {
					var sum T
					for s, g := range k.grad {
						sum += g * w[s]
					}
					gin[0][at*k.r+r] = sum
				}
				if gin[1] != nil {
					gw := gin[1][from : from+k.s]
					for s, g := range k.grad {
						gw[s] += g * x
					}
				}
			}
		}
	}
}
