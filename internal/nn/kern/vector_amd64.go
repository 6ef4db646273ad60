//go:build goexperiment.simd && amd64

package kern

import (
	"simd/archsimd"
	"unsafe"
)

// vectors reports whether the AVX-512 path is in use.
func vectors() bool { return archsimd.X86.AVX512() }

// vector is one AVX-512 register.
type vector = archsimd.Float32x16

// A float32 is 4 bytes, a register 64: offsets below are in bytes.
const (
	float32Bytes = 4
	vectorBytes  = 64
)

// The functions below read and write memory through pointers, because a bounds
// check for every load halves the speed of the inner loops. Their callers slice
// every operand to the full length that the loops walk over first. Pointers stay
// at an operand's start and offsets move, so that none ever points past its
// operand.
func pointer(s []float32) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }

func load(p unsafe.Pointer, offset int) vector {
	return archsimd.LoadFloat32x16((*[16]float32)(unsafe.Add(p, offset)))
}

func store(v vector, p unsafe.Pointer, offset int) {
	v.Store((*[16]float32)(unsafe.Add(p, offset)))
}

// loadMasked reads the lanes that mask allows and no byte of the others, so the
// array may reach past the operand, which checkptr can't know.
//
//go:nocheckptr
func loadMasked(p unsafe.Pointer, offset int, mask archsimd.Mask32x16) vector {
	return archsimd.LoadMaskedFloat32x16((*[16]float32)(unsafe.Add(p, offset)), mask)
}

// storeMasked writes the lanes that mask allows, as loadMasked reads them.
//
//go:nocheckptr
func storeMasked(v vector, p unsafe.Pointer, offset int, mask archsimd.Mask32x16) {
	v.StoreMasked((*[16]float32)(unsafe.Add(p, offset)), mask)
}

// spread4 returns the number at p in all lanes. It reads four numbers, which
// costs less than spread, which reads one.
func spread4(p unsafe.Pointer, offset int) vector {
	return archsimd.LoadFloat32x4((*[4]float32)(unsafe.Add(p, offset))).Broadcast1To16()
}

func spread(p unsafe.Pointer, offset int) vector {
	return archsimd.BroadcastFloat32x16(*(*float32)(unsafe.Add(p, offset)))
}

// lanes returns a mask of the first n of 16 lanes.
func lanes(n int) archsimd.Mask32x16 {
	if n >= 16 {
		return archsimd.Mask32x16FromBits(0xffff)
	}
	return archsimd.Mask32x16FromBits(1<<n - 1)
}

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
	archsimd.ClearAVXUpperBits()
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

func tile4x16(d unsafe.Pointer, a []float32, b unsafe.Pointer, n, k, rs, cs int, mask archsimd.Mask32x16, add bool) {
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

func tile1x16(d, p, b unsafe.Pointer, n, k, cs int, mask archsimd.Mask32x16, add bool) {
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
