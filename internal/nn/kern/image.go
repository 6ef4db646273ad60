package kern

import "fmt"

// Lanes is the number of images whose values of one pixel lie side by side.
const Lanes = 16

// maps is the size of the feature maps of one architecture: g blocks of 16
// images, c channels, h x w pixels. A plane is one channel of one block.
type maps struct{ g, c, h, w int }

func (m maps) plane() int { return m.h * m.w * Lanes }
func (m maps) size() int  { return m.g * m.c * m.plane() }

// asMaps reads a shape [A, G, C, H, W, 16].
func asMaps(kernel string, shape []int) (a int, m maps, err error) {
	if len(shape) != 6 || shape[5] != Lanes {
		return 0, m, fmt.Errorf("%s: images of shape %v, want [A, G, C, H, W, %d]", kernel, shape, Lanes)
	}
	return shape[0], maps{shape[1], shape[2], shape[3], shape[4]}, nil
}

func (m maps) shape(a int) []int { return []int{a, m.g, m.c, m.h, m.w, Lanes} }

// filter is a convolution of one architecture's maps with a square kernel of odd
// side k, stride 1 and zero padding that keeps the size. Weights are
// [out, in.c, k, k], as PyTorch has them.
type filter struct {
	in  maps
	out int
	k   int
}

func (f filter) weights() int { return f.out * f.in.c * f.k * f.k }
func (f filter) result() maps { return maps{f.in.g, f.out, f.in.h, f.in.w} }

// padded is the size of the input with its border of zeros.
func (f filter) padded() maps { return maps{f.in.g, f.in.c, f.in.h + f.k - 1, f.in.w + f.k - 1} }

// padTo copies maps of size m, or their rectified values, into dst with a
// border of p zeros, which the caller has cleared once.
func padTo[T Float](dst, src []T, m maps, p int, rectify bool) {
	row, wide := m.w*Lanes, (m.w+2*p)*Lanes
	for q := range m.g * m.c {
		for y := range m.h {
			d := dst[(q*(m.h+2*p)+y+p)*wide+p*Lanes:][:row]
			s := src[(q*m.h+y)*row:][:row]
			if rectify {
				reluTo(d, s)
			} else {
				copy(d, s)
			}
		}
	}
}

// convTo computes the convolution of the padded input.
func convTo[T Float](dst, padded, weights []T, f filter) {
	in, row := f.padded(), f.in.w*Lanes
	d32, fast := vector32(dst)
	for g := range f.in.g {
		d, s := dst[g*f.out*f.in.plane():][:f.out*f.in.plane()], padded[g*in.c*in.plane():][:in.c*in.plane()]
		if fast {
			vec.convTo(d32[g*f.out*f.in.plane():][:f.out*f.in.plane()], as32(s), as32(weights)[:f.weights()], f)
			continue
		}
		clear(d)
		for o := range f.out {
			for i := range in.c {
				for tap := range f.k * f.k {
					w := weights[(o*in.c+i)*f.k*f.k+tap]
					for y := range f.in.h {
						dst := d[(o*f.in.h+y)*row:][:row]
						for j, v := range s[((i*in.h+y+tap/f.k)*in.w+tap%f.k)*Lanes:][:row] {
							dst[j] += w * v
						}
					}
				}
			}
		}
	}
}

// filterGradTo computes the gradient with respect to the weights, given the
// padded input and gout, the gradient with respect to the result.
func filterGradTo[T Float](dst, padded, gout []T, f filter) {
	if d, ok := vector32(dst); ok {
		vec.filterGradTo(d[:f.weights()], as32(padded)[:f.padded().size()], as32(gout)[:f.result().size()], f)
		return
	}
	in, row := f.padded(), f.in.w*Lanes
	for o := range f.out {
		for i := range in.c {
			for tap := range f.k * f.k {
				var sum T
				for g := range f.in.g {
					for y := range f.in.h {
						x := padded[(((g*in.c+i)*in.h+y+tap/f.k)*in.w+tap%f.k)*Lanes:][:row]
						for j, v := range gout[((g*f.out+o)*f.in.h+y)*row:][:row] {
							sum += v * x[j]
						}
					}
				}
				dst[(o*in.c+i)*f.k*f.k+tap] = sum
			}
		}
	}
}

// reversed is the convolution that carries the gradient from result to input.
func (f filter) reversed() filter { return filter{in: f.result(), out: f.in.c, k: f.k} }

// reverseTo writes the weights of the reversed convolution: channels swapped,
// taps in reverse order.
func reverseTo[T Float](dst, weights []T, f filter) {
	taps := f.k * f.k
	for o := range f.out {
		for i := range f.in.c {
			for t := range taps {
				dst[(i*f.out+o)*taps+taps-1-t] = weights[(o*f.in.c+i)*taps+t]
			}
		}
	}
}

// standardizeMapsTo standardizes each channel over all images and pixels
// (batch normalization, Ioffe and Szegedy 2015, on the batch's own statistics
// and without gain or bias) and stores one factor a channel.
func standardizeMapsTo[T Float](dst, scale, src []T, m maps, eps T) {
	if d, ok := vector32(dst); ok {
		vec.standardizeMapsTo(d, as32(scale), as32(src), m, float32(eps))
		return
	}
	n, count := m.plane(), T(m.g*m.plane())
	for c := range m.c {
		var mean, variance T
		for g := range m.g {
			for _, v := range src[(g*m.c+c)*n:][:n] {
				mean += v
			}
		}
		mean /= count
		for g := range m.g {
			for _, v := range src[(g*m.c+c)*n:][:n] {
				variance += (v - mean) * (v - mean)
			}
		}
		s := 1 / sqrt(variance/count+eps)
		scale[c] = s
		for g := range m.g {
			d := dst[(g*m.c+c)*n:][:n]
			for i, v := range src[(g*m.c+c)*n:][:n] {
				d[i] = (v - mean) * s
			}
		}
	}
}

// standardizeMapsGradTo is the gradient with respect to src, given that with
// respect to the result hat. dst may be gout.
func standardizeMapsGradTo[T Float](dst, gout, hat, scale []T, m maps) {
	if d, ok := vector32(dst); ok {
		vec.standardizeMapsGradTo(d, as32(gout), as32(hat), as32(scale), m)
		return
	}
	n, count := m.plane(), T(m.g*m.plane())
	for c := range m.c {
		var sum, dot T
		for g := range m.g {
			h := hat[(g*m.c+c)*n:][:n]
			for i, v := range gout[(g*m.c+c)*n:][:n] {
				sum += v
				dot += v * h[i]
			}
		}
		sum, dot = sum/count, dot/count
		for g := range m.g {
			h, d := hat[(g*m.c+c)*n:][:n], dst[(g*m.c+c)*n:][:n]
			for i, v := range gout[(g*m.c+c)*n:][:n] {
				d[i] = scale[c] * (v - sum - h[i]*dot)
			}
		}
	}
}

// averageTo adds to dst the 3x3 average of src with stride 1, taken over the
// pixels inside the image (PyTorch's count_include_pad=False); with transposed,
// the gradient of that with respect to its input, given that with respect to its
// output as src.
func averageTo[T Float](dst, src []T, m maps, transposed bool) {
	if d, ok := vector32(dst); ok {
		vec.averageTo(d, as32(src), m, transposed)
		return
	}
	for q := range m.g * m.c {
		d, s := dst[q*m.plane():][:m.plane()], src[q*m.plane():][:m.plane()]
		for o := range m.h * m.w {
			w := around(o%m.w, o/m.w, m)
			var total [Lanes]T
			for v := w.y0; v < w.y1; v++ {
				for u := w.x0; u < w.x1; u++ {
					f := T(1)
					if transposed {
						f = 1 / T(around(u, v, m).pixels())
					}
					for l, z := range s[(v*m.w+u)*Lanes:][:Lanes] {
						total[l] += z * f
					}
				}
			}
			f := T(1)
			if !transposed {
				f = 1 / T(w.pixels())
			}
			p := d[o*Lanes:][:Lanes]
			for l, z := range total {
				p[l] += z * f
			}
		}
	}
}

// window is a rectangle of pixels, without row y1 and column x1.
type window struct{ x0, x1, y0, y1 int }

// around returns the part of the 3x3 window around (x, y) inside the image.
func around(x, y int, m maps) window {
	return window{max(x-1, 0), min(x+2, m.w), max(y-1, 0), min(y+2, m.h)}
}

func (w window) pixels() int { return (w.x1 - w.x0) * (w.y1 - w.y0) }

// maximum finds the largest value of the 3x3 window around (x, y) of one plane,
// lane by lane, and where it lies; among equals the first.
func maximum[T Float](s []T, m maps, x, y int) (top [Lanes]T, at [Lanes]int) {
	first, w := true, around(x, y, m)
	for v := w.y0; v < w.y1; v++ {
		for u := w.x0; u < w.x1; u++ {
			o := (v*m.w + u) * Lanes
			for l, z := range s[o : o+Lanes] {
				if first || z > top[l] {
					top[l], at[l] = z, o+l
				}
			}
			first = false
		}
	}
	return top, at
}

// maximumTo adds to dst the 3x3 maximum of src with stride 1.
func maximumTo[T Float](dst, src []T, m maps) {
	if d, ok := vector32(dst); ok {
		vec.maximumTo(d, as32(src), m)
		return
	}
	for q := range m.g * m.c {
		d, s := dst[q*m.plane():][:m.plane()], src[q*m.plane():][:m.plane()]
		for o := range m.h * m.w {
			top, _ := maximum(s, m, o%m.w, o/m.w)
			for l, z := range top {
				d[o*Lanes+l] += z
			}
		}
	}
}

// maximumGradTo adds to dst the gradient of [maximumTo] with respect to src.
func maximumGradTo[T Float](dst, gout, src []T, m maps) {
	if d, ok := vector32(dst); ok {
		vec.maximumGradTo(d, as32(gout), as32(src), m)
		return
	}
	for q := range m.g * m.c {
		d, s, g := dst[q*m.plane():][:m.plane()], src[q*m.plane():][:m.plane()], gout[q*m.plane():][:m.plane()]
		for o := range m.h * m.w {
			_, at := maximum(s, m, o%m.w, o/m.w)
			for l, i := range at {
				d[i] += g[o*Lanes+l]
			}
		}
	}
}

// Conv is a convolution with a square kernel of odd side K, stride 1 and zero
// padding, whose filters are an input like any other: a hypernetwork's output,
// for instance. Inputs: X [A, G, Ci, H, W, 16] and filters [A, Co, Ci, K, K];
// either A may be 1, for images or filters that all architectures share. Output
// [A, G, Co, H, W, 16].
type Conv[T Float] struct {
	K int

	f         filter
	a, ax, af int
	padded    []T // of X
	gpadded   []T // of the output's gradient
	reverse   []T
	partial   []T // one architecture's gradient of X
	filters   []T // one architecture's gradient of the filters
}

// Shape implements [Kernel].
func (k *Conv[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("convolution", in, 6, 5); err != nil {
		return nil, err
	}
	ax, m, err := asMaps("convolution", in[0])
	if err != nil {
		return nil, err
	}
	k.ax, k.af = ax, in[1][0]
	k.a = max(k.ax, k.af)
	k.f = filter{in: m, out: in[1][1], k: k.K}
	if k.K%2 == 0 || k.ax != k.a && k.ax != 1 || k.af != k.a && k.af != 1 {
		return nil, fmt.Errorf("convolution: images %v and filters %v of side %d don't fit", in[0], in[1], k.K)
	}
	if err := mismatch("convolution", "filters", in[1], k.af, k.f.out, m.c, k.K, k.K); err != nil {
		return nil, err
	}
	k.padded = make([]T, k.ax*k.f.padded().size())
	k.gpadded = make([]T, k.f.reversed().padded().size())
	k.reverse, k.filters = make([]T, k.f.weights()), make([]T, k.f.weights())
	k.partial = make([]T, m.size())
	return k.f.result().shape(k.a), nil
}

// Differentiable implements [Kernel].
func (*Conv[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *Conv[T]) Forward(out []T, in [][]T) {
	size, psize := k.f.in.size(), k.f.padded().size()
	for a := range k.ax {
		padTo(k.padded[a*psize:], in[0][a*size:], k.f.in, k.K/2, false)
	}
	for a := range k.a {
		convTo(out[a*k.f.result().size():][:k.f.result().size()], k.padded[a%k.ax*psize:], in[1][a%k.af*k.f.weights():], k.f)
	}
}

// Backward implements [Kernel].
func (k *Conv[T]) Backward(gin, in [][]T, _, gout []T) {
	size, psize, osize, fsize := k.f.in.size(), k.f.padded().size(), k.f.result().size(), k.f.weights()
	for _, g := range gin {
		clear(g)
	}
	for a := range k.a {
		g := gout[a*osize:][:osize]
		if gin[0] != nil {
			padTo(k.gpadded, g, k.f.result(), k.K/2, false)
			reverseTo(k.reverse, in[1][a%k.af*fsize:], k.f)
			convTo(k.partial, k.gpadded, k.reverse, k.f.reversed())
			addTo(gin[0][a%k.ax*size:][:size], k.partial)
		}
		if gin[1] != nil {
			filterGradTo(k.filters, k.padded[a%k.ax*psize:][:psize], g, k.f)
			addTo(gin[1][a%k.af*fsize:][:fsize], k.filters)
		}
	}
}

// BatchNorm standardizes each channel of each architecture over its images and
// pixels, then applies a rectifier if ReLU is set. Input [A, G, C, H, W, 16],
// output alike. There is no running average: these networks exist for one batch.
type BatchNorm[T Float] struct {
	ReLU bool

	a          int
	m          maps
	hat, scale []T
	gate       []T
}

// Shape implements [Kernel].
func (k *BatchNorm[T]) Shape(in ...[]int) ([]int, error) {
	err := expect("batch norm", in, 6)
	if err != nil {
		return nil, err
	}
	if k.a, k.m, err = asMaps("batch norm", in[0]); err != nil {
		return nil, err
	}
	k.hat, k.gate, k.scale = make([]T, Size(in[0])), make([]T, Size(in[0])), make([]T, k.a*k.m.c)
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*BatchNorm[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *BatchNorm[T]) Forward(out []T, in [][]T) {
	n := k.m.size()
	for a := range k.a {
		standardizeMapsTo(k.hat[a*n:][:n], k.scale[a*k.m.c:], in[0][a*n:][:n], k.m, normEps)
	}
	if k.ReLU {
		reluTo(out, k.hat)
	} else {
		copy(out, k.hat)
	}
}

// Backward implements [Kernel].
func (k *BatchNorm[T]) Backward(gin, _ [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	if k.ReLU {
		gateTo(k.gate, gout, k.hat, 1)
		gout = k.gate
	}
	n := k.m.size()
	for a := range k.a {
		standardizeMapsGradTo(gin[0][a*n:][:n], gout[a*n:], k.hat[a*n:], k.scale[a*k.m.c:], k.m)
	}
}

// AveragePool is 3x3 average pooling with stride 1 over the pixels inside the
// image. Input [A, G, C, H, W, 16], output alike.
type AveragePool[T Float] struct {
	m maps
}

// Shape implements [Kernel].
func (k *AveragePool[T]) Shape(in ...[]int) ([]int, error) {
	err := expect("average pooling", in, 6)
	if err != nil {
		return nil, err
	}
	a, m, err := asMaps("average pooling", in[0])
	// Architectures don't mix, so they count as blocks of images.
	k.m = maps{a * m.g, m.c, m.h, m.w}
	return append([]int{}, in[0]...), err
}

// Differentiable implements [Kernel].
func (*AveragePool[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *AveragePool[T]) Forward(out []T, in [][]T) {
	clear(out)
	averageTo(out, in[0], k.m, false)
}

// Backward implements [Kernel].
func (k *AveragePool[T]) Backward(gin, _ [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	clear(gin[0])
	averageTo(gin[0], gout, k.m, true)
}

// Halve is 2x2 average pooling with stride 2. Input [A, G, C, H, W, 16] with
// even H and W, output [A, G, C, H/2, W/2, 16].
type Halve[T Float] struct {
	planes, h, w int // of the output
}

// Shape implements [Kernel].
func (k *Halve[T]) Shape(in ...[]int) ([]int, error) {
	err := expect("halving", in, 6)
	if err != nil {
		return nil, err
	}
	a, m, err := asMaps("halving", in[0])
	if err != nil {
		return nil, err
	}
	if m.h%2 != 0 || m.w%2 != 0 {
		return nil, fmt.Errorf("halving: images of shape %v have an odd side", in[0])
	}
	k.planes, k.h, k.w = a*m.g*m.c, m.h/2, m.w/2
	return maps{m.g, m.c, k.h, k.w}.shape(a), nil
}

// Differentiable implements [Kernel].
func (*Halve[T]) Differentiable(int) bool { return true }

// each calls f with the output pixel and the four input pixels it averages.
func (k *Halve[T]) each(f func(out int, in [4]int)) {
	for y := range k.planes * k.h {
		for x := range k.w {
			at := (2*y*2*k.w + 2*x) * Lanes
			f((y*k.w+x)*Lanes, [4]int{at, at + Lanes, at + 2*k.w*Lanes, at + (2*k.w+1)*Lanes})
		}
	}
}

// Forward implements [Kernel].
func (k *Halve[T]) Forward(out []T, in [][]T) {
	k.each(func(o int, p [4]int) {
		for l := range Lanes {
			out[o+l] = ((in[0][p[0]+l] + in[0][p[1]+l]) + (in[0][p[2]+l] + in[0][p[3]+l])) / 4
		}
	})
}

// Backward implements [Kernel].
func (k *Halve[T]) Backward(gin, _ [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	k.each(func(o int, p [4]int) {
		for l, g := range gout[o : o+Lanes] {
			for _, q := range p {
				gin[0][q+l] = g / 4
			}
		}
	})
}

// GlobalPool averages over all pixels. Input [A, G, C, H, W, 16], output
// [A, G*16, C], one row an image.
type GlobalPool[T Float] struct {
	a int
	m maps
}

// Shape implements [Kernel].
func (k *GlobalPool[T]) Shape(in ...[]int) ([]int, error) {
	err := expect("global pooling", in, 6)
	if err != nil {
		return nil, err
	}
	k.a, k.m, err = asMaps("global pooling", in[0])
	return []int{k.a, k.m.g * Lanes, k.m.c}, err
}

// Differentiable implements [Kernel].
func (*GlobalPool[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *GlobalPool[T]) Forward(out []T, in [][]T) {
	n := k.m.plane()
	for b := range k.a * k.m.g {
		for c := range k.m.c {
			var total [Lanes]T
			for s := in[0][(b*k.m.c+c)*n:][:n]; len(s) > 0; s = s[Lanes:] {
				for l := range total {
					total[l] += s[l]
				}
			}
			for l, v := range total {
				out[(b*Lanes+l)*k.m.c+c] = v / T(k.m.h*k.m.w)
			}
		}
	}
}

// Backward implements [Kernel].
func (k *GlobalPool[T]) Backward(gin, _ [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	n := k.m.plane()
	for b := range k.a * k.m.g {
		for c := range k.m.c {
			d := gin[0][(b*k.m.c+c)*n:][:n]
			for l := range Lanes {
				d[l] = gout[(b*Lanes+l)*k.m.c+c] / T(k.m.h*k.m.w)
			}
			for i := Lanes; i < n; i += Lanes {
				copy(d[i:i+Lanes], d)
			}
		}
	}
}
