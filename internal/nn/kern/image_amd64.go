//go:build goexperiment.simd && amd64

package kern

import "unsafe"

// vectorConvTo convolves one block of padded images: dst [out, h, w, 16], src
// [in, h+k-1, w+k-1, 16]. It walks over tiles of two channels by four pixels;
// every result is one chain of fused multiply-adds over input channels and
// taps, whatever its tile.
func vectorConvTo(dst, src, weights []float32, f filter) {
	d, s, w := pointer(dst), pointer(src), pointer(weights)
	plane := f.in.plane() * float32Bytes
	for o := 0; o < f.out; o += 2 {
		two := o+1 < f.out
		for y := range f.in.h {
			x := 0
			for ; two && x+4 <= f.in.w; x += 4 {
				at := o*plane + (y*f.in.w+x)*vectorBytes
				convTile2x4(unsafe.Add(d, at), s, w, f, o, y, x)
			}
			for ; x < f.in.w; x++ {
				at := o*plane + (y*f.in.w+x)*vectorBytes
				store(convPixel(s, w, f, o, y, x), d, at)
				if two {
					store(convPixel(s, w, f, o+1, y, x), d, at+plane)
				}
			}
		}
	}
	clearUpper()
}

func convPixel(s, weights unsafe.Pointer, f filter, o, y, x int) vector {
	var a vector
	w := o * f.in.c * f.k * f.k * float32Bytes
	for i := range f.in.c {
		for ky := range f.k {
			p := ((i*(f.in.h+f.k-1)+y+ky)*(f.in.w+f.k-1) + x) * vectorBytes
			for range f.k {
				a = spread(weights, w).MulAdd(load(s, p), a)
				p, w = p+vectorBytes, w+float32Bytes
			}
		}
	}
	return a
}

// vectorFilterGradTo sums over blocks, rows and columns in that order, lane by
// lane, and over the lanes last.
func vectorFilterGradTo(dst, padded, gout []float32, f filter) {
	s, g := pointer(padded), pointer(gout)
	taps := f.k * f.k
	for o := 0; o < f.out; o += 2 {
		second := min(o+1, f.out-1)
		for i := range f.in.c {
			d0, d1 := dst[(o*f.in.c+i)*taps:][:taps], dst[(second*f.in.c+i)*taps:][:taps]
			for ky := range f.k {
				kx := 0
				for ; kx+3 <= f.k; kx += 3 {
					filterGradTile(d0[ky*f.k+kx:], d1[ky*f.k+kx:], s, g, f, o, second, i, ky, kx)
				}
				for ; kx < f.k; kx++ {
					filterGradTap(&d0[ky*f.k+kx], &d1[ky*f.k+kx], s, g, f, o, second, i, ky, kx)
				}
			}
		}
	}
	clearUpper()
}

func filterGradTap(d0, d1 *float32, s, g unsafe.Pointer, f filter, o, q, i, ky, kx int) {
	var a, c vector
	in := f.padded()
	for b := range f.in.g {
		for y := range f.in.h {
			p := (((b*in.c+i)*in.h+y+ky)*in.w + kx) * vectorBytes
			r0, r1 := ((b*f.out+o)*f.in.h+y)*f.in.w*vectorBytes, ((b*f.out+q)*f.in.h+y)*f.in.w*vectorBytes
			for range f.in.w {
				x := load(s, p)
				a, c = load(g, r0).MulAdd(x, a), load(g, r1).MulAdd(x, c)
				p, r0, r1 = p+vectorBytes, r0+vectorBytes, r1+vectorBytes
			}
		}
	}
	storeFirst(sum(a), d0)
	storeFirst(sum(c), d1)
}

func vectorStandardizeMapsTo(dst, scale, src []float32, m maps, eps float32) {
	d, p := pointer(dst[:m.size()]), pointer(src[:m.size()])
	var k [2]float32
	keep(&k, float32(m.g*m.plane()), eps)
	count, small, one := spread(pointer(k[:]), 0), spread(pointer(k[:]), float32Bytes), broadcast(1)
	n := m.plane() * float32Bytes
	for c := range m.c {
		var s, v vector
		for g := range m.g {
			for o, end := (g*m.c+c)*n, (g*m.c+c+1)*n; o < end; o += vectorBytes {
				s = s.Add(load(p, o))
			}
		}
		mean := sum(s).Div(count)
		for g := range m.g {
			for o, end := (g*m.c+c)*n, (g*m.c+c+1)*n; o < end; o += vectorBytes {
				x := load(p, o).Sub(mean)
				v = x.MulAdd(x, v)
			}
		}
		f := one.Div(sum(v).Div(count).Add(small).Sqrt())
		storeFirst(f, &scale[c])
		for g := range m.g {
			for o, end := (g*m.c+c)*n, (g*m.c+c+1)*n; o < end; o += vectorBytes {
				store(load(p, o).Sub(mean).Mul(f), d, o)
			}
		}
	}
	clearUpper()
}

func vectorStandardizeMapsGradTo(dst, gout, hat, scale []float32, m maps) {
	d, p, q := pointer(dst[:m.size()]), pointer(gout[:m.size()]), pointer(hat[:m.size()])
	var k [2]float32
	keep(&k, float32(m.g*m.plane()), 0)
	n, count := m.plane()*float32Bytes, spread(pointer(k[:]), 0)
	for c := range m.c {
		var s, t vector
		for g := range m.g {
			for o, end := (g*m.c+c)*n, (g*m.c+c+1)*n; o < end; o += vectorBytes {
				x := load(p, o)
				s, t = s.Add(x), x.MulAdd(load(q, o), t)
			}
		}
		mean, dot := sum(s).Div(count), sum(t).Div(count)
		f := spread(pointer(scale), c*float32Bytes)
		for g := range m.g {
			for o, end := (g*m.c+c)*n, (g*m.c+c+1)*n; o < end; o += vectorBytes {
				store(load(p, o).Sub(mean).Sub(load(q, o).Mul(dot)).Mul(f), d, o)
			}
		}
	}
	clearUpper()
}

func vectorAverageTo(dst, src []float32, m maps, transposed bool) {
	d, p := pointer(dst[:m.size()]), pointer(src[:m.size()])
	// One factor for each number of pixels that a window can have.
	factors := [10]vector{
		broadcast(1), broadcast(1), broadcast(1. / 2), broadcast(1. / 3), broadcast(1. / 4),
		broadcast(1. / 5), broadcast(1. / 6), broadcast(1. / 7), broadcast(1. / 8), broadcast(1. / 9),
	}
	for q := range m.g * m.c {
		plane := q * m.plane() * float32Bytes
		for o := range m.h * m.w {
			w := around(o%m.w, o/m.w, m)
			var total vector
			for v := w.y0; v < w.y1; v++ {
				at := plane + (v*m.w+w.x0)*vectorBytes
				for u := w.x0; u < w.x1; u++ {
					if transposed {
						total = load(p, at).MulAdd(factors[around(u, v, m).pixels()], total)
					} else {
						total = total.Add(load(p, at))
					}
					at += vectorBytes
				}
			}
			if !transposed {
				total = total.Mul(factors[w.pixels()])
			}
			at := plane + o*vectorBytes
			store(load(d, at).Add(total), d, at)
		}
	}
	clearUpper()
}

// largest returns the largest value of a window of the plane at p, lane by lane.
// Where the processor's maximum has to choose among equals it takes its second
// operand, and Go's x.Max(y) passes x as the first: the earlier pixel stays.
func largest(p unsafe.Pointer, w window, width int) vector {
	at := (w.y0*width + w.x0) * vectorBytes
	top := load(p, at)
	for v := w.y0; v < w.y1; v++ {
		at = (v*width + w.x0) * vectorBytes
		for u := w.x0; u < w.x1; u++ {
			top = load(p, at).Max(top)
			at += vectorBytes
		}
	}
	return top
}

func vectorMaximumTo(dst, src []float32, m maps) {
	d, s := pointer(dst[:m.size()]), pointer(src[:m.size()])
	for q := range m.g * m.c {
		plane := q * m.plane() * float32Bytes
		for o := range m.h * m.w {
			top := largest(unsafe.Add(s, plane), around(o%m.w, o/m.w, m), m.w)
			at := plane + o*vectorBytes
			store(load(d, at).Add(top), d, at)
		}
	}
	clearUpper()
}

// vectorMaximumGradTo gives a gradient to the first pixel that has the window's
// largest value; from then on nothing of it is left.
func vectorMaximumGradTo(dst, gout, src []float32, m maps) {
	d, g, s := pointer(dst[:m.size()]), pointer(gout[:m.size()]), pointer(src[:m.size()])
	for q := range m.g * m.c {
		plane := q * m.plane() * float32Bytes
		for o := range m.h * m.w {
			w := around(o%m.w, o/m.w, m)
			top := largest(unsafe.Add(s, plane), w, m.w)
			left := load(g, plane+o*vectorBytes)
			for v := w.y0; v < w.y1; v++ {
				at := plane + (v*m.w+w.x0)*vectorBytes
				for u := w.x0; u < w.x1; u++ {
					x := load(s, at)
					store(load(d, at).Add(left.Masked(x.Equal(top))), d, at)
					left = left.Masked(x.NotEqual(top))
					at += vectorBytes
				}
			}
		}
	}
	clearUpper()
}
