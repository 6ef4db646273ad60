package kern

// depth is a convolution of each channel by itself with a square window of odd
// side k, whose taps lie gap pixels apart, stride 1 and zero padding that keeps
// the size. Weights are [c, k, k].
type depth struct {
	m      maps
	k, gap int
}

func (d depth) weights() int { return d.m.c * d.k * d.k }
func (d depth) border() int  { return d.gap * (d.k / 2) }

// padded is the size of the input with its border of zeros.
func (d depth) padded() maps {
	return maps{d.m.g, d.m.c, d.m.h + 2*d.border(), d.m.w + 2*d.border()}
}

// depthTo computes the convolution of the padded input.
func depthTo[T Float](dst, padded, weights []T, d depth) {
	if v, ok := vector32(dst); ok {
		vec.depthTo(v[:d.m.size()], as32(padded)[:d.padded().size()], as32(weights)[:d.weights()], d)
		return
	}
	in, row := d.padded(), d.m.w*Lanes
	clear(dst[:d.m.size()])
	for q := range d.m.g * d.m.c {
		for tap := range d.k * d.k {
			w := weights[q%d.m.c*d.k*d.k+tap]
			for y := range d.m.h {
				axpy(dst[(q*d.m.h+y)*row:], w, padded[((q*in.h+y+tap/d.k*d.gap)*in.w+tap%d.k*d.gap)*Lanes:][:row])
			}
		}
	}
}

// depthFilterGradTo computes the gradient with respect to the weights, given the
// padded input and gout, the gradient with respect to the result.
func depthFilterGradTo[T Float](dst, padded, gout []T, d depth) {
	if v, ok := vector32(dst); ok {
		vec.depthFilterGradTo(v[:d.weights()], as32(padded)[:d.padded().size()], as32(gout)[:d.m.size()], d)
		return
	}
	in, row := d.padded(), d.m.w*Lanes
	for c := range d.m.c {
		for tap := range d.k * d.k {
			var sum T
			for g := range d.m.g {
				q := g*d.m.c + c
				for y := range d.m.h {
					sum += dot(gout[(q*d.m.h+y)*row:][:row], padded[((q*in.h+y+tap/d.k*d.gap)*in.w+tap%d.k*d.gap)*Lanes:])
				}
			}
			dst[c*d.k*d.k+tap] = sum
		}
	}
}

// The functions below walk over the pixels of one plane, 16 images at a time.

// sumPixelsTo sets dst [16] to the sums over the pixels of x.
func sumPixelsTo[T Float](dst, x []T) {
	dst = dst[:Lanes]
	clear(dst)
	for ; len(x) > 0; x = x[Lanes:] {
		for l := range dst {
			dst[l] += x[l]
		}
	}
}

// dotPixelsTo sets dst [16] to the sums over the pixels of x times y.
func dotPixelsTo[T Float](dst, x, y []T) {
	if d, ok := vector32(dst); ok {
		vec.dotPixelsTo(d[:Lanes], as32(x), as32(y)[:len(x)])
		return
	}
	dst = dst[:Lanes]
	clear(dst)
	for i, v := range x {
		dst[i%Lanes] += v * y[i]
	}
}

// scalePixelsTo sets each pixel of dst to that of x times factor [16], plus shift
// [16] unless that is nil.
func scalePixelsTo[T Float](dst, x, factor, shift []T) {
	if d, ok := vector32(dst); ok {
		if shift == nil {
			shift = make([]T, Lanes)
		}
		vec.scalePixelsTo(d, as32(x)[:len(d)], as32(factor)[:Lanes], as32(shift)[:Lanes])
		return
	}
	for i := range dst {
		dst[i] = x[i] * factor[i%Lanes]
		if shift != nil {
			dst[i] += shift[i%Lanes]
		}
	}
}

// axpy adds f x to the beginning of dst.
func axpy[T Float](dst []T, f T, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] += f * v
	}
}

// dot returns the sum of the products of x and the beginning of y.
func dot[T Float](x, y []T) T {
	var s T
	y = y[:len(x)]
	for i, v := range x {
		s += v * y[i]
	}
	return s
}
