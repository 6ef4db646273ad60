package kern

import "fmt"

// Form is a kind of operation with weights of a [Cell]. Each reads the sum x of
// what reaches its node. "Standardized" is batch normalization on the batch's
// own statistics, without gain or bias.
type Form uint8

const (
	// FormConv is a rectifier, a convolution with a K x K window and
	// standardization. One that yields more channels than the images have, an
	// expansion, has no rectifier: an inverted residual's input is linear.
	// Weights: [C, Wide, K, K]; of an expansion [Wide, C, K, K].
	FormConv Form = iota
	// FormDepthwise is a rectifier, a K x K convolution of each channel by
	// itself, with gaps of the node's size (1: none), and standardization.
	// Weights: [Wide, K, K].
	FormDepthwise
	// FormSeparable is a rectifier, a depthwise convolution as above, a 1x1
	// convolution and standardization. Weights: [C, K, K] and [C, C].
	FormSeparable
	// FormGate multiplies the rectified channels by a number for each image,
	// sigmoid(B relu(A mean(x))), with as many hidden units as the node's size
	// says (squeeze-excite, Hu et al. 2018). Weights: A and B transposed, both
	// [Most, Wide].
	FormGate
	// FormAttention is multi-head self-attention among the pixels of the
	// standardized input (Vaswani et al. 2017), with as many heads as the node's
	// size says. Weights: Q, K and V [Most, 3, HeadWidth, C] and the projection
	// [Most, C, HeadWidth].
	FormAttention
	// FormMLP is a perceptron on each pixel of the standardized input, with a
	// rectifier and as many hidden units as the node's size says. Weights: of the
	// first layer [Most, C] and of the second, transposed, [Most, C].
	FormMLP
	numForms
)

// HeadWidth is the number of channels of one head of an attention: the least
// with which heads have a direction and not only a sign.
const HeadWidth = 2

// Head describes what a head of a hypernetwork generates: the weights of
// operations of one form, enough for the largest; smaller ones take a slice.
type Head struct {
	Form Form
	K    int // side of the window, odd; 1 where the form has none
	Most int // largest size of a node, where the form's weights depend on it
}

func (h Head) check() error {
	switch {
	case h.Form >= numForms:
		return fmt.Errorf("cell: no form %d", h.Form)
	case h.K < 1 || h.K%2 == 0:
		return fmt.Errorf("cell: kernel size %d is not odd", h.K)
	case h.Form >= FormGate && h.Most < 1:
		return fmt.Errorf("cell: size of an operation is %d, want 1 or more", h.Most)
	}
	return nil
}

// Weights returns how many numbers the head generates for images of c channels
// and nodes of at most wide.
func (h Head) Weights(c, wide int) int {
	switch h.Form {
	case FormConv:
		return c * wide * h.K * h.K
	case FormDepthwise:
		return wide * h.K * h.K
	case FormSeparable:
		return c*h.K*h.K + c*c
	case FormGate:
		return 2 * h.Most * wide
	case FormAttention:
		return h.Most * 4 * HeadWidth * c
	case FormMLP:
		return h.Most * 2 * c
	default:
		return 0
	}
}

// keeps returns how many numbers an operation keeps beside its value, at most:
// padded or standardized input and what lies between, for images of size m and
// nodes of at most wide channels, dilated by 2.
func (h Head) keeps(m maps, wide int) int {
	border := h.K / 2
	if h.Form == FormDepthwise || h.Form == FormSeparable {
		border *= 2
	}
	pixels := m.h * m.w
	padded := m.g * (m.h + 2*border) * (m.w + 2*border) * Lanes
	plane := m.g * pixels * Lanes
	switch h.Form {
	case FormSeparable:
		return m.c * (padded + plane)
	case FormGate:
		return wide*plane + m.g*(2*wide+h.Most)*Lanes
	case FormAttention:
		return plane * (m.c + h.Most*(4*HeadWidth+pixels))
	case FormMLP:
		return plane * (m.c + h.Most)
	default:
		return wide * padded
	}
}

// mixes reports whether an operation reads other channels than it writes.
func (f Form) mixes() bool { return f != FormDepthwise && f != FormGate }

// widest returns how many channels an operation with the given number of output
// channels may read.
func (h Head) widest(out, c, wide int) int {
	if h.Form == FormConv && out <= c {
		return wide
	}
	return c
}

// cellOperation computes a node's value, or the gradients of its sum and its
// weights. Both overwrite the former; gw is nil where it is not wanted, and
// zero before. The gradient g may be overwritten.
type cellOperation[T Float] interface {
	forward(n *cellNode[T], sum, weights []T)
	backward(n *cellNode[T], gsum, gw, g, weights []T)
	// arrays returns the weights of which the operation is made.
	arrays(n *cellNode[T], weights []T) []Array[T]
}

// Array is weights of an operation: numbers of a shape, the last dimension
// changing fastest.
type Array[T Float] struct {
	Name  string
	Shape []int
	Data  []T
}

// newArray returns the numbers of x as an array.
func newArray[T Float](name string, src []T, x matrix, shape ...int) Array[T] {
	data := make([]T, x.size())
	take(data, src, x)
	return Array[T]{name, shape, data}
}

// cellWork is memory that operations share.
type cellWork[T Float] struct {
	sum, gsum                  []T // a node's sum and its gradient
	weights, reverse, gweights []T
	inner, ginner              []T
	gpadded                    []padding[T] // by border
}

func (w *cellWork[T]) pad(g []T, m maps, border int) []T {
	for len(w.gpadded) <= border {
		w.gpadded = append(w.gpadded, padding[T]{})
	}
	return w.gpadded[border].pad(g, m, border, false)
}

// operation is what all operations know of their node.
type operation[T Float] struct {
	*cellWork[T]

	head Head
	m    maps // of what it reads
	out  int  // channels that it writes
	c    int  // of the images
	wide int
}

// operation returns the operation of a node.
func (k *Cell[T]) operation(h Head, n *cellNode[T]) cellOperation[T] {
	o := operation[T]{&k.work, h, k.wide(n.in), n.channels, k.m.c, k.Wide}
	switch h.Form {
	case FormConv:
		return convolution[T]{o}
	case FormDepthwise:
		return depthwise[T]{o}
	case FormSeparable:
		return separable[T]{o}
	case FormGate:
		return gate[T]{o}
	case FormAttention:
		return selfAttention[T]{o}
	default:
		return perceptron[T]{o}
	}
}

func (o *operation[T]) result() maps { return maps{o.m.g, o.out, o.m.h, o.m.w} }

// matrix is the slice of a head's numbers that a node uses: rows x columns
// blocks of so many numbers each, block (i, j) at offset + i row + j column.
type matrix struct{ rows, columns, block, offset, row, column int }

func (x matrix) size() int { return x.rows * x.columns * x.block }

// whole reports whether the numbers lie together, in order.
func (x matrix) whole() bool { return x.column == x.block && x.row == x.columns*x.block }

// each calls f with where a block lies among the matrix's own numbers and where
// among the head's.
func (x matrix) each(f func(own, at int)) {
	for i := range x.rows {
		for j := range x.columns {
			f((i*x.columns+j)*x.block, x.offset+i*x.row+j*x.column)
		}
	}
}

// take copies the matrix from a head's numbers to dst.
func take[T Float](dst, src []T, x matrix) {
	x.each(func(own, at int) { copy(dst[own:own+x.block], src[at:]) })
}

// put copies the matrix to a head's numbers.
func put[T Float](dst, src []T, x matrix) {
	x.each(func(own, at int) { copy(dst[at:at+x.block], src[own:]) })
}

// matrix returns the numbers of x.
func (w *cellWork[T]) matrix(src []T, x matrix) []T {
	if x.whole() {
		return src[x.offset:][:x.size()]
	}
	w.weights = grow(w.weights, x.size())
	take(w.weights, src, x)
	return w.weights
}

// convGradTo writes the gradients of a convolution whose filters are the matrix
// x: with respect to its input, given padded, to gx, and to the weights gw, unless
// nil, given the gradient g of its result.
func (w *cellWork[T]) convGradTo(gx, gw, padded, g, weights []T, f filter, x matrix) {
	switch {
	case gw == nil:
	case x.whole():
		filterGradTo(gw[x.offset:][:x.size()], padded, g, f)
	default:
		w.gweights = grow(w.gweights, x.size())
		filterGradTo(w.gweights, padded, g, f)
		put(gw, w.gweights, x)
	}
	w.reverse = grow(w.reverse, x.size())
	reverseTo(w.reverse, w.matrix(weights, x), f)
	if f.k > 1 {
		g = w.pad(g, f.result(), f.k/2)
	}
	convTo(gx, g, w.reverse, f.reversed())
}

// standardize replaces the node's value by what batch normalization makes of it.
func (o *operation[T]) standardize(n *cellNode[T]) {
	n.scale = grow(n.scale, o.out)
	standardizeMapsTo(n.value, n.scale, n.value, o.result(), normEps)
}

type convolution[T Float] struct{ operation[T] }

func (o *convolution[T]) shape() (filter, matrix) {
	taps, row := o.head.K*o.head.K, o.wide
	if o.expands() {
		row = o.c
	}
	return filter{in: o.m, out: o.out, k: o.head.K}, matrix{o.out, o.m.c, taps, 0, row * taps, taps}
}

func (o *convolution[T]) expands() bool { return o.out > o.c }

// arrays are the filters, [out, in, K, K].
func (o convolution[T]) arrays(_ *cellNode[T], weights []T) []Array[T] {
	_, x := o.shape()
	return []Array[T]{newArray("weight", weights, x, o.out, o.m.c, o.head.K, o.head.K)}
}

func (o convolution[T]) forward(n *cellNode[T], sum, weights []T) {
	f, x := o.shape()
	convTo(n.value, n.padded.pad(sum, o.m, f.k/2, !o.expands()), o.matrix(weights, x), f)
	o.standardize(n)
}

func (o convolution[T]) backward(n *cellNode[T], gsum, gw, g, weights []T) {
	f, x := o.shape()
	standardizeMapsGradTo(g, g, n.value, n.scale, f.result())
	o.convGradTo(gsum, gw, n.padded.data, g, weights, f, x)
	if !o.expands() {
		gatePadded(gsum, n.padded.data, o.m, f.k/2)
	}
}

type depthwise[T Float] struct{ operation[T] }

// arrays are the filters, [channels, 1, K, K].
func (o depthwise[T]) arrays(_ *cellNode[T], weights []T) []Array[T] {
	return []Array[T]{o.filters("weight", weights)}
}

// filters returns a filter for each channel that is read, [channels, 1, K, K].
func (o *operation[T]) filters(name string, weights []T) Array[T] {
	taps := o.head.K * o.head.K
	return newArray(name, weights, matrix{o.m.c, 1, taps, 0, taps, taps}, o.m.c, 1, o.head.K, o.head.K)
}

func (o depthwise[T]) forward(n *cellNode[T], sum, weights []T) {
	d := depth{o.m, o.head.K, n.size}
	depthTo(n.value, n.padded.pad(sum, o.m, d.border(), true), weights[:d.weights()], d)
	o.standardize(n)
}

func (o depthwise[T]) backward(n *cellNode[T], gsum, gw, g, weights []T) {
	standardizeMapsGradTo(g, g, n.value, n.scale, o.m)
	o.depthGradTo(gsum, gw, n.padded.data, g, weights, depth{o.m, o.head.K, n.size})
}

// depthGradTo writes the gradients of a depthwise convolution of the rectified
// input in padded.
func (w *cellWork[T]) depthGradTo(gx, gw, padded, g, weights []T, d depth) {
	if gw != nil {
		depthFilterGradTo(gw[:d.weights()], padded, g, d)
	}
	taps := d.k * d.k
	w.reverse = grow(w.reverse, d.weights())
	for i, v := range weights[:d.weights()] {
		w.reverse[i/taps*taps+taps-1-i%taps] = v
	}
	depthTo(gx, w.pad(g, d.m, d.border()), w.reverse, d)
	gatePadded(gx, padded, d.m, d.border())
}

type separable[T Float] struct{ operation[T] }

func (o *separable[T]) shape(n *cellNode[T]) (depth, filter, matrix) {
	return depth{o.m, o.head.K, n.size}, filter{in: o.m, out: o.out, k: 1}, matrix{o.out, o.m.c, 1, o.c * o.head.K * o.head.K, o.c, 1}
}

// arrays are the filters of both convolutions, [in, 1, K, K] and [out, in, 1, 1].
func (o separable[T]) arrays(n *cellNode[T], weights []T) []Array[T] {
	_, _, x := o.shape(n)
	return []Array[T]{o.filters("depthwise", weights), newArray("pointwise", weights, x, o.out, o.m.c, 1, 1)}
}

func (o separable[T]) forward(n *cellNode[T], sum, weights []T) {
	d, f, x := o.shape(n)
	n.keep[0] = grow(n.keep[0], o.m.size())
	depthTo(n.keep[0], n.padded.pad(sum, o.m, d.border(), true), weights[:d.weights()], d)
	convTo(n.value, n.keep[0], o.matrix(weights, x), f)
	o.standardize(n)
}

func (o separable[T]) backward(n *cellNode[T], gsum, gw, g, weights []T) {
	d, f, x := o.shape(n)
	standardizeMapsGradTo(g, g, n.value, n.scale, f.result())
	o.inner = grow(o.inner, o.m.size())
	o.convGradTo(o.inner, gw, n.keep[0], g, weights, f, x)
	o.depthGradTo(gsum, gw, n.padded.data, o.inner, weights, d)
}

type gate[T Float] struct{ operation[T] }

// parts returns what is kept of block g: means [C, 16], hidden units [size, 16]
// and gates [C, 16].
func (o *gate[T]) parts(n *cellNode[T], g int) (mean, hidden, open []T) {
	c, h := o.m.c*Lanes, n.size*Lanes
	all := n.keep[1][g*(2*c+h):][:2*c+h]
	return all[:c], all[c : c+h], all[c+h:]
}

// arrays are the layers' matrices, [size, channels] and [channels, size].
func (o gate[T]) arrays(n *cellNode[T], weights []T) []Array[T] {
	return []Array[T]{
		newArray("reduce", weights, matrix{n.size, o.m.c, 1, 0, o.wide, 1}, n.size, o.m.c),
		newArray("expand", weights, matrix{o.m.c, n.size, 1, o.head.Most * o.wide, 1, o.wide}, o.m.c, n.size),
	}
}

func (o gate[T]) forward(n *cellNode[T], sum, weights []T) {
	n.keep[0] = grow(n.keep[0], o.m.size())
	n.keep[1] = grow(n.keep[1], o.m.g*(2*o.m.c+n.size)*Lanes)
	reluTo(n.keep[0], sum)
	plane := o.m.plane()
	for g := range o.m.g {
		mean, hidden, open := o.parts(n, g)
		clear(hidden)
		for c := range o.m.c {
			s := mean[c*Lanes:][:Lanes]
			sumPixelsTo(s, n.keep[0][(g*o.m.c+c)*plane:][:plane])
			for l := range s {
				s[l] /= T(o.m.h * o.m.w)
			}
			for r := range n.size {
				axpy(hidden[r*Lanes:], weights[r*o.wide+c], s)
			}
		}
		reluTo(hidden, hidden)
		clear(open)
		for c := range o.m.c {
			for r := range n.size {
				axpy(open[c*Lanes:], weights[(o.head.Most+r)*o.wide+c], hidden[r*Lanes:][:Lanes])
			}
		}
		sigmoidTo(open, open)
		for c := range o.m.c {
			at := (g*o.m.c + c) * plane
			scalePixelsTo(n.value[at:at+plane], n.keep[0][at:], open[c*Lanes:], nil)
		}
	}
}

func (o gate[T]) backward(n *cellNode[T], gsum, gw, g, weights []T) {
	plane := o.m.plane()
	o.inner = grow(o.inner, (2*o.m.c+n.size)*Lanes)
	gmean, ghidden, gopen := o.inner[:o.m.c*Lanes], o.inner[o.m.c*Lanes:(o.m.c+n.size)*Lanes], o.inner[(o.m.c+n.size)*Lanes:]
	for b := range o.m.g {
		mean, hidden, open := o.parts(n, b)
		clear(ghidden)
		clear(gmean)
		for c := range o.m.c {
			at, z := (b*o.m.c+c)*plane, gopen[c*Lanes:][:Lanes]
			dotPixelsTo(z, g[at:at+plane], n.keep[0][at:])
			for l, s := range open[c*Lanes:][:Lanes] {
				z[l] *= s * (1 - s)
			}
			for r := range n.size {
				axpy(ghidden[r*Lanes:], weights[(o.head.Most+r)*o.wide+c], z)
				if gw != nil {
					gw[(o.head.Most+r)*o.wide+c] += dot(z, hidden[r*Lanes:])
				}
			}
		}
		gateTo(ghidden, ghidden, hidden, 1)
		for c := range o.m.c {
			for r := range n.size {
				h := ghidden[r*Lanes:][:Lanes]
				axpy(gmean[c*Lanes:], weights[r*o.wide+c]/T(o.m.h*o.m.w), h)
				if gw != nil {
					gw[r*o.wide+c] += dot(h, mean[c*Lanes:])
				}
			}
			at := (b*o.m.c + c) * plane
			scalePixelsTo(gsum[at:at+plane], g[at:], open[c*Lanes:], gmean[c*Lanes:])
		}
	}
	gateTo(gsum, gsum, n.keep[0], 1)
}

type selfAttention[T Float] struct{ operation[T] }

// shapes returns the shape of the attention, and filters and weights of its two
// products: with Q, K and V of all heads, [heads, 3, HeadWidth] channels, and
// the projection.
func (o *selfAttention[T]) shapes(n *cellNode[T]) (s attend, in, out filter, inner, outer matrix) {
	const d = HeadWidth
	width := n.size * d
	in, out = filter{in: o.m, out: 3 * width, k: 1}, filter{in: maps{o.m.g, width, o.m.h, o.m.w}, out: o.out, k: 1}
	inner = matrix{3 * width, o.m.c, 1, 0, o.c, 1}
	outer = matrix{o.out, n.size, d, o.head.Most * 3 * d * o.c, d, d * o.c}
	return attend{o.m.g, n.size, o.m.h * o.m.w}, in, out, inner, outer
}

// arrays are Q, K and V of each head, [heads, 3, HeadWidth, in], and the
// projection, [out, heads, HeadWidth].
func (o selfAttention[T]) arrays(n *cellNode[T], weights []T) []Array[T] {
	_, _, _, inner, outer := o.shapes(n)
	return []Array[T]{
		newArray("qkv", weights, inner, n.size, 3, HeadWidth, o.m.c),
		newArray("projection", weights, outer, o.out, n.size, HeadWidth),
	}
}

func (o selfAttention[T]) forward(n *cellNode[T], sum, weights []T) {
	s, in, out, inner, outer := o.shapes(n)
	normed, qkv, soft, mixed := &n.keep[0], &n.keep[1], &n.keep[2], &n.keep[3]
	*normed, *qkv = grow(*normed, o.m.size()), grow(*qkv, in.result().size())
	*soft, *mixed = grow(*soft, s.weights()), grow(*mixed, out.in.size())
	n.scale = grow(n.scale, o.m.c)
	standardizeMapsTo(*normed, n.scale, sum, o.m, normEps)
	convTo(*qkv, *normed, o.matrix(weights, inner), in)
	attendTo(*mixed, *soft, *qkv, s)
	convTo(n.value, *mixed, o.matrix(weights, outer), out)
}

func (o selfAttention[T]) backward(n *cellNode[T], gsum, gw, g, weights []T) {
	s, in, out, inner, outer := o.shapes(n)
	o.inner, o.ginner = grow(o.inner, out.in.size()), grow(o.ginner, in.result().size())
	o.convGradTo(o.inner, gw, n.keep[3], g, weights, out, outer)
	attendGradTo(o.ginner, o.inner, n.keep[2], n.keep[1], s)
	o.convGradTo(gsum, gw, n.keep[0], o.ginner, weights, in, inner)
	standardizeMapsGradTo(gsum, gsum, n.keep[0], n.scale, o.m)
}

type perceptron[T Float] struct{ operation[T] }

// shapes returns filters and weights of both layers.
func (o *perceptron[T]) shapes(n *cellNode[T]) (in, out filter, inner, outer matrix) {
	in, out = filter{in: o.m, out: n.size, k: 1}, filter{in: maps{o.m.g, n.size, o.m.h, o.m.w}, out: o.out, k: 1}
	return in, out, matrix{n.size, o.m.c, 1, 0, o.c, 1}, matrix{o.out, n.size, 1, o.head.Most * o.c, 1, o.c}
}

// arrays are the layers' matrices, [size, in] and [out, size].
func (o perceptron[T]) arrays(n *cellNode[T], weights []T) []Array[T] {
	_, _, inner, outer := o.shapes(n)
	return []Array[T]{newArray("first", weights, inner, n.size, o.m.c), newArray("second", weights, outer, o.out, n.size)}
}

func (o perceptron[T]) forward(n *cellNode[T], sum, weights []T) {
	in, out, inner, outer := o.shapes(n)
	normed, hidden := &n.keep[0], &n.keep[1]
	*normed, *hidden = grow(*normed, o.m.size()), grow(*hidden, out.in.size())
	n.scale = grow(n.scale, o.m.c)
	standardizeMapsTo(*normed, n.scale, sum, o.m, normEps)
	convTo(*hidden, *normed, o.matrix(weights, inner), in)
	reluTo(*hidden, *hidden)
	convTo(n.value, *hidden, o.matrix(weights, outer), out)
}

func (o perceptron[T]) backward(n *cellNode[T], gsum, gw, g, weights []T) {
	in, out, inner, outer := o.shapes(n)
	o.inner = grow(o.inner, out.in.size())
	o.convGradTo(o.inner, gw, n.keep[1], g, weights, out, outer)
	gateTo(o.inner, o.inner, n.keep[1], 1)
	o.convGradTo(gsum, gw, n.keep[0], o.inner, weights, in, inner)
	standardizeMapsGradTo(gsum, gsum, n.keep[0], n.scale, o.m)
}
