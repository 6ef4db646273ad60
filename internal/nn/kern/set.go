package kern

// The two kernels of this file are the learned parts of a partial permutation
// invariant set function (Gui et al. 2019, "PINE", arXiv 1909.12903) as PINAT
// uses it (gatset_conv.py, GATSetConv_v5): what a node sends, and what it makes
// of the sum of what it got. A [Linear] stands before them and the sum over
// neighbors, a [BatchMatMul], between. Rows hold O channels of R terms each,
// the terms of a channel next to each other.

// setSlope is the slope of both kernels' rectifiers below 0.
const setSlope = .2

// leakyTo sets dst to the rectified x. It has no branches, whose outcomes no
// processor could foresee.
func leakyTo[T Float](dst, x []T) {
	reluTo(dst, x)
	for i, v := range x {
		dst[i] = setSlope*v + (1-setSlope)*dst[i]
	}
}

// leakyGradTo sets dst, which must not be g, to the gradient with respect to x,
// given g.
func leakyGradTo[T Float](dst, g, x []T) {
	gateTo(dst, g, x, 1-setSlope)
	for i, v := range g {
		dst[i] += setSlope * v
	}
}

// SetMessage is what a node sends:
//
//	out[o, r] = LeakyReLU(x[o, r] u[o] + v[o])
//
// Inputs: X [..., O R], u [O], v [O]. Output like X.
type SetMessage[T Float] struct {
	rows, o, r int
	mul        Multiplier[T]
	pre, grad  []T // before the rectifier, and its gradient, [rows, O R]
	wide       []T // u, or a gradient's sums over rows, for every term, [O R]
	row        []T // [O R]
	ones       []T // [rows]
}

// Shape implements [Kernel].
func (k *SetMessage[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("message", in, -1, 1, 1); err != nil {
		return nil, err
	}
	last := len(in[0]) - 1
	k.rows, k.o = Size(in[0][:last]), in[1][0]
	k.r = in[0][last] / k.o
	err := firstError(mismatch("message", "input", in[0][last:], k.o*k.r), mismatch("message", "v", in[2], k.o))
	if err != nil {
		return nil, err
	}
	width := k.o * k.r
	k.pre, k.grad = make([]T, k.rows*width), make([]T, k.rows*width)
	k.wide, k.row, k.ones = make([]T, width), make([]T, width), ones[T](k.rows)
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*SetMessage[T]) Differentiable(int) bool { return true }

// widenTo repeats every number of x, one a channel, for the channel's terms.
func (k *SetMessage[T]) widenTo(dst, x []T) {
	for i := range dst {
		dst[i] = x[i/k.r]
	}
}

// Forward implements [Kernel].
func (k *SetMessage[T]) Forward(out []T, in [][]T) {
	width := k.o * k.r
	k.widenTo(k.wide, in[1])
	k.widenTo(k.row, in[2])
	for i := 0; i < len(out); i += width {
		mulTo(k.pre[i:i+width], in[0][i:i+width], k.wide)
		addTo(k.pre[i:i+width], k.row)
	}
	leakyTo(out, k.pre)
}

// Backward implements [Kernel].
func (k *SetMessage[T]) Backward(gin, in [][]T, _, gout []T) {
	width := k.o * k.r
	leakyGradTo(k.grad, gout, k.pre)
	if gin[2] != nil {
		k.sumTo(gin[2], k.grad)
	}
	if gin[0] != nil {
		k.widenTo(k.wide, in[1])
		for i := 0; i < len(k.grad); i += width {
			mulTo(gin[0][i:i+width], k.grad[i:i+width], k.wide)
		}
	}
	if gin[1] != nil {
		mulTo(k.grad, k.grad, in[0])
		k.sumTo(gin[1], k.grad)
	}
}

// sumTo sets dst to the sums of x, [rows, O R], over rows and terms.
func (k *SetMessage[T]) sumTo(dst, x []T) {
	k.mul.MulTo(k.row, k.ones, x, NN, 1, k.o*k.r, k.rows, false)
	clear(dst)
	for i, v := range k.row {
		dst[i/k.r] += v
	}
}

// SetUpdate is what a node makes of the sum that it got:
//
//	y[o, s] = c[o, s] LeakyReLU(sum_r x[o, r] w[o, r, s] + b[o, s])
//
// Inputs: X [..., O R], w [O, R, S], b [O, S], c [O, S]. Output [..., O S], or,
// with Sum, the sum over s, [..., O].
//
// Inside, rows are columns: a channel's terms are then a matrix [R, rows], which
// a product with w makes [S, rows].
type SetUpdate[T Float] struct {
	Sum bool

	rows, o, r, s int
	mul           Multiplier[T]
	x             []T // X transposed, then its gradient, [O R, rows]
	pre           []T // before the rectifier, [O S, rows]
	act           []T // after it
	y             []T // the output transposed, or its gradient, [O S or O, rows]
	scaled, grad  []T // gradients with respect to act and pre, [O S, rows]
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
	inside := k.o * k.s * k.rows
	k.x, k.pre, k.act = make([]T, k.rows*k.o*k.r), make([]T, inside), make([]T, inside)
	k.scaled, k.grad = make([]T, inside), make([]T, inside)
	width := k.o * k.s
	if k.Sum {
		width = k.o
	}
	k.y = make([]T, width*k.rows)
	return append(append([]int{}, in[0][:last]...), width), nil
}

// Differentiable implements [Kernel].
func (*SetUpdate[T]) Differentiable(int) bool { return true }

// line returns row i of the transposed output, or of its gradient, that value i
// of the O S values goes to.
func (k *SetUpdate[T]) line(i int) []T {
	if k.Sum {
		i /= k.s
	}
	return k.y[i*k.rows : (i+1)*k.rows]
}

// Forward implements [Kernel].
func (k *SetUpdate[T]) Forward(out []T, in [][]T) {
	n := k.rows
	transposeTo(k.x, in[0], n, k.o*k.r)
	for i, b := range in[2] {
		row := k.pre[i*n : (i+1)*n]
		for j := range row {
			row[j] = b
		}
	}
	for o := range k.o {
		k.mul.MulTo(k.pre[o*k.s*n:], in[1][o*k.r*k.s:], k.x[o*k.r*n:], TN, k.s, n, k.r, true)
	}
	leakyTo(k.act, k.pre)
	clear(k.y)
	for i, c := range in[3] {
		row := k.line(i)
		for j, x := range k.act[i*n : (i+1)*n] {
			row[j] += c * x
		}
	}
	transposeTo(out, k.y, len(k.y)/n, n)
}

// Backward implements [Kernel].
func (k *SetUpdate[T]) Backward(gin, in [][]T, _, gout []T) {
	n := k.rows
	transposeTo(k.y, gout, n, len(k.y)/n)
	for i, c := range in[3] {
		g, act, scaled := k.line(i), k.act[i*n:(i+1)*n], k.scaled[i*n:(i+1)*n]
		var sum T
		for j, x := range g {
			sum += x * act[j]
			scaled[j] = c * x
		}
		if gin[3] != nil {
			gin[3][i] = sum
		}
	}
	leakyGradTo(k.grad, k.scaled, k.pre)
	if gin[2] != nil {
		for i := range gin[2] {
			var sum T
			for _, g := range k.grad[i*n : (i+1)*n] {
				sum += g
			}
			gin[2][i] = sum
		}
	}
	if gin[1] != nil {
		for o := range k.o {
			k.mul.MulTo(gin[1][o*k.r*k.s:], k.x[o*k.r*n:], k.grad[o*k.s*n:], NT, k.r, k.s, n, false)
		}
	}
	if gin[0] == nil {
		return
	}
	for o := range k.o {
		k.mul.MulTo(k.x[o*k.r*n:], in[1][o*k.r*k.s:], k.grad[o*k.s*n:], NN, k.r, n, k.s, false)
	}
	transposeTo(gin[0], k.x, k.o*k.r, n)
}
