//go:build goexperiment.simd && amd64

package kern

import "unsafe"

// The inner loops of products and convolutions, in tiles of as many accumulators
// as there are registers for. AVX2 has its own, with the same results.

// vectorMulTo computes dst[m,n] = A b[k,n], or adds it to dst, where element
// (i, p) of A is a[i*rs+p*cs]. It walks over tiles of 4 x 32 elements: eight
// accumulators, the most that the compiler keeps in registers. Every element is
// one chain of fused multiply-adds in order of p, whatever its tile.
func vectorMulTo(dst, a, b []float32, m, n, k, rs, cs int, add bool) {
	j := 0
	for ; j+32 <= n; j += 32 {
		i := 0
		for ; i+4 <= m; i += 4 {
			tile4x32(pointer(dst[i*n+j:]), a[i*rs:], pointer(b[j:]), n, k, rs, cs, add)
		}
		for ; i < m; i++ {
			tile1x32(pointer(dst[i*n+j:]), pointer(a[i*rs:]), pointer(b[j:]), n, k, cs, add)
		}
	}
	for ; j < n; j += 16 {
		mask := lanes(n - j)
		i := 0
		for ; i+4 <= m; i += 4 {
			tile4x16(pointer(dst[i*n+j:]), a[i*rs:], pointer(b[j:]), n, k, rs, cs, mask, add)
		}
		for ; i < m; i++ {
			tile1x16(pointer(dst[i*n+j:]), pointer(a[i*rs:]), pointer(b[j:]), n, k, cs, mask, add)
		}
	}
	clearUpper()
}

// quads returns for how many steps p < k spread4 may read a[last+p*cs].
func quads(a []float32, last, k, cs int) int {
	if len(a) < last+4 {
		return 0
	}
	return min(k, (len(a)-4-last)/cs+1)
}

func tile4x32(d unsafe.Pointer, a []float32, b unsafe.Pointer, n, k, rs, cs int, add bool) {
	var c00, c01, c10, c11, c20, c21, c30, c31 vector
	row := n * float32Bytes
	if add {
		c00, c01 = load(d, 0), load(d, vectorBytes)
		c10, c11 = load(d, row), load(d, row+vectorBytes)
		c20, c21 = load(d, 2*row), load(d, 2*row+vectorBytes)
		c30, c31 = load(d, 3*row), load(d, 3*row+vectorBytes)
	}
	main := quads(a, 3*rs, k, cs)
	p := pointer(a)
	rs, cs = rs*float32Bytes, cs*float32Bytes
	o, q := 0, 0
	for range main {
		b0, b1 := load(b, q), load(b, q+vectorBytes)
		x := spread4(p, o)
		c00, c01 = x.MulAdd(b0, c00), x.MulAdd(b1, c01)
		x = spread4(p, o+rs)
		c10, c11 = x.MulAdd(b0, c10), x.MulAdd(b1, c11)
		x = spread4(p, o+2*rs)
		c20, c21 = x.MulAdd(b0, c20), x.MulAdd(b1, c21)
		x = spread4(p, o+3*rs)
		c30, c31 = x.MulAdd(b0, c30), x.MulAdd(b1, c31)
		o, q = o+cs, q+row
	}
	for range k - main {
		b0, b1 := load(b, q), load(b, q+vectorBytes)
		x := spread(p, o)
		c00, c01 = x.MulAdd(b0, c00), x.MulAdd(b1, c01)
		x = spread(p, o+rs)
		c10, c11 = x.MulAdd(b0, c10), x.MulAdd(b1, c11)
		x = spread(p, o+2*rs)
		c20, c21 = x.MulAdd(b0, c20), x.MulAdd(b1, c21)
		x = spread(p, o+3*rs)
		c30, c31 = x.MulAdd(b0, c30), x.MulAdd(b1, c31)
		o, q = o+cs, q+row
	}
	store(c00, d, 0)
	store(c01, d, vectorBytes)
	store(c10, d, row)
	store(c11, d, row+vectorBytes)
	store(c20, d, 2*row)
	store(c21, d, 2*row+vectorBytes)
	store(c30, d, 3*row)
	store(c31, d, 3*row+vectorBytes)
}

func tile1x32(d, p, b unsafe.Pointer, n, k, cs int, add bool) {
	var c0, c1 vector
	if add {
		c0, c1 = load(d, 0), load(d, vectorBytes)
	}
	o, q := 0, 0
	for range k {
		x := spread(p, o)
		c0, c1 = x.MulAdd(load(b, q), c0), x.MulAdd(load(b, q+vectorBytes), c1)
		o, q = o+cs*float32Bytes, q+n*float32Bytes
	}
	store(c0, d, 0)
	store(c1, d, vectorBytes)
}

func tile4x16(d unsafe.Pointer, a []float32, b unsafe.Pointer, n, k, rs, cs int, mask laneMask, add bool) {
	var c0, c1, c2, c3 vector
	row := n * float32Bytes
	if add {
		c0, c1 = loadMasked(d, 0, mask), loadMasked(d, row, mask)
		c2, c3 = loadMasked(d, 2*row, mask), loadMasked(d, 3*row, mask)
	}
	main := quads(a, 3*rs, k, cs)
	p := pointer(a)
	rs, cs = rs*float32Bytes, cs*float32Bytes
	o, q := 0, 0
	for range main {
		x := loadMasked(b, q, mask)
		c0, c1 = spread4(p, o).MulAdd(x, c0), spread4(p, o+rs).MulAdd(x, c1)
		c2, c3 = spread4(p, o+2*rs).MulAdd(x, c2), spread4(p, o+3*rs).MulAdd(x, c3)
		o, q = o+cs, q+row
	}
	for range k - main {
		x := loadMasked(b, q, mask)
		c0, c1 = spread(p, o).MulAdd(x, c0), spread(p, o+rs).MulAdd(x, c1)
		c2, c3 = spread(p, o+2*rs).MulAdd(x, c2), spread(p, o+3*rs).MulAdd(x, c3)
		o, q = o+cs, q+row
	}
	storeMasked(c0, d, 0, mask)
	storeMasked(c1, d, row, mask)
	storeMasked(c2, d, 2*row, mask)
	storeMasked(c3, d, 3*row, mask)
}

func tile1x16(d, p, b unsafe.Pointer, n, k, cs int, mask laneMask, add bool) {
	var c vector
	if add {
		c = loadMasked(d, 0, mask)
	}
	o, q := 0, 0
	for range k {
		c = spread(p, o).MulAdd(loadMasked(b, q, mask), c)
		o, q = o+cs*float32Bytes, q+n*float32Bytes
	}
	storeMasked(c, d, 0, mask)
}

func convTile2x4(d, s, weights unsafe.Pointer, f filter, o, y, x int) {
	var a0, a1, a2, a3, b0, b1, b2, b3 vector
	line := (f.in.w + f.k - 1) * vectorBytes
	next := f.in.c * f.k * f.k * float32Bytes
	w := o * next
	for i := range f.in.c {
		row := (i*(f.in.h+f.k-1)+y)*line + x*vectorBytes
		for range f.k {
			p := row
			for range f.k {
				x0, x1, x2, x3 := load(s, p), load(s, p+vectorBytes), load(s, p+2*vectorBytes), load(s, p+3*vectorBytes)
				v := spread(weights, w)
				a0, a1, a2, a3 = v.MulAdd(x0, a0), v.MulAdd(x1, a1), v.MulAdd(x2, a2), v.MulAdd(x3, a3)
				v = spread(weights, w+next)
				b0, b1, b2, b3 = v.MulAdd(x0, b0), v.MulAdd(x1, b1), v.MulAdd(x2, b2), v.MulAdd(x3, b3)
				p, w = p+vectorBytes, w+float32Bytes
			}
			row += line
		}
	}
	plane := f.in.plane() * float32Bytes
	store(a0, d, 0)
	store(a1, d, vectorBytes)
	store(a2, d, 2*vectorBytes)
	store(a3, d, 3*vectorBytes)
	store(b0, d, plane)
	store(b1, d, plane+vectorBytes)
	store(b2, d, plane+2*vectorBytes)
	store(b3, d, plane+3*vectorBytes)
}

// filterGradTile computes the gradients of three neighboring taps of output
// channels o and q.
func filterGradTile(d0, d1 []float32, s, g unsafe.Pointer, f filter, o, q, i, ky, kx int) {
	var a0, a1, a2, b0, b1, b2 vector
	in := f.padded()
	for b := range f.in.g {
		for y := range f.in.h {
			p := (((b*in.c+i)*in.h+y+ky)*in.w + kx) * vectorBytes
			r0, r1 := ((b*f.out+o)*f.in.h+y)*f.in.w*vectorBytes, ((b*f.out+q)*f.in.h+y)*f.in.w*vectorBytes
			for range f.in.w {
				x0, x1, x2 := load(s, p), load(s, p+vectorBytes), load(s, p+2*vectorBytes)
				v := load(g, r0)
				a0, a1, a2 = v.MulAdd(x0, a0), v.MulAdd(x1, a1), v.MulAdd(x2, a2)
				v = load(g, r1)
				b0, b1, b2 = v.MulAdd(x0, b0), v.MulAdd(x1, b1), v.MulAdd(x2, b2)
				p, r0, r1 = p+vectorBytes, r0+vectorBytes, r1+vectorBytes
			}
		}
	}
	storeFirst(sum(a0), &d0[0])
	storeFirst(sum(a1), &d0[1])
	storeFirst(sum(a2), &d0[2])
	storeFirst(sum(b0), &d1[0])
	storeFirst(sum(b1), &d1[1])
	storeFirst(sum(b2), &d1[2])
}
