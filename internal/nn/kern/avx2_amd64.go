//go:build goexperiment.simd && amd64

package kern

import (
	"math"
	"simd/archsimd"
	"unsafe"
)

// The AVX2 path: sixteen numbers are two registers, and every function does to
// each of them what its namesake without AVX2 does, in the same order, so that
// results have the same bits. kernels_avx2_amd64.go is the kernels of the other
// files named _amd64 over these.

type half = archsimd.Float32x8

const halfBytes = vectorBytes / 2

type vectorAVX2 struct{ lo, hi half }

// laneMaskAVX2 says which of sixteen numbers count. The second eight lie second
// bytes behind the first, or nowhere if none of them counts.
type laneMaskAVX2 struct {
	lo, hi archsimd.Mask32x8
	second int
}

func loadHalf(p unsafe.Pointer, offset int) half {
	return archsimd.LoadFloat32x8((*[8]float32)(unsafe.Add(p, offset)))
}

func storeHalf(v half, p unsafe.Pointer, offset int) {
	v.Store((*[8]float32)(unsafe.Add(p, offset)))
}

//go:nocheckptr
func loadHalfMasked(p unsafe.Pointer, offset int, mask archsimd.Mask32x8) half {
	return archsimd.LoadMaskedFloat32x8((*[8]float32)(unsafe.Add(p, offset)), mask)
}

//go:nocheckptr
func storeHalfMasked(v half, p unsafe.Pointer, offset int, mask archsimd.Mask32x8) {
	v.StoreMasked((*[8]float32)(unsafe.Add(p, offset)), mask)
}

func spreadHalf4(p unsafe.Pointer, offset int) half {
	return archsimd.LoadFloat32x4((*[4]float32)(unsafe.Add(p, offset))).Broadcast1To8()
}

func spreadHalf(p unsafe.Pointer, offset int) half {
	return archsimd.BroadcastFloat32x8(*(*float32)(unsafe.Add(p, offset)))
}

// firsts holds, from 8-n on, a mask of the first n of 8 lanes.
var firsts = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}

// lanesHalf returns a mask of the first n of 8 lanes.
func lanesHalf(n int) archsimd.Mask32x8 {
	return archsimd.LoadInt32x8((*[8]int32)(firsts[8-min(max(n, 0), 8):])).ToMask()
}

func clearUpperAVX2() { archsimd.ClearAVXUpperBits() }

func loadAVX2(p unsafe.Pointer, offset int) vectorAVX2 {
	return vectorAVX2{loadHalf(p, offset), loadHalf(p, offset+halfBytes)}
}

func storeAVX2(v vectorAVX2, p unsafe.Pointer, offset int) {
	storeHalf(v.lo, p, offset)
	storeHalf(v.hi, p, offset+halfBytes)
}

func loadMaskedAVX2(p unsafe.Pointer, offset int, mask laneMaskAVX2) vectorAVX2 {
	return vectorAVX2{loadHalfMasked(p, offset, mask.lo), loadHalfMasked(p, offset+mask.second, mask.hi)}
}

func storeMaskedAVX2(v vectorAVX2, p unsafe.Pointer, offset int, mask laneMaskAVX2) {
	storeHalfMasked(v.lo, p, offset, mask.lo)
	storeHalfMasked(v.hi, p, offset+mask.second, mask.hi)
}

func lanesAVX2(n int) laneMaskAVX2 {
	m := laneMaskAVX2{lo: lanesHalf(n), hi: lanesHalf(n - 8)}
	if n > 8 {
		m.second = halfBytes
	}
	return m
}

func spreadAVX2(p unsafe.Pointer, offset int) vectorAVX2 {
	x := spreadHalf(p, offset)
	return vectorAVX2{x, x}
}

func broadcastAVX2(x float32) vectorAVX2 {
	v := broadcastHalf(x)
	return vectorAVX2{v, v}
}

func broadcastHalf(x float32) half {
	return archsimd.BroadcastUint32x8(math.Float32bits(x)).AsFloat32x8()
}

func sumAVX2(v vectorAVX2) vectorAVX2 {
	x := fold(v.lo.Add(v.hi)).Broadcast1To8()
	return vectorAVX2{x, x}
}

func firstAVX2(v vectorAVX2) uint32 { return firstBits(v.lo.GetLo()) }

func storeFirstAVX2(v vectorAVX2, dst *float32) { *(*uint32)(unsafe.Pointer(dst)) = firstAVX2(v) }

func (x vectorAVX2) Add(y vectorAVX2) vectorAVX2 { return vectorAVX2{x.lo.Add(y.lo), x.hi.Add(y.hi)} }

func (x vectorAVX2) Sub(y vectorAVX2) vectorAVX2 { return vectorAVX2{x.lo.Sub(y.lo), x.hi.Sub(y.hi)} }

func (x vectorAVX2) Mul(y vectorAVX2) vectorAVX2 { return vectorAVX2{x.lo.Mul(y.lo), x.hi.Mul(y.hi)} }

func (x vectorAVX2) Div(y vectorAVX2) vectorAVX2 { return vectorAVX2{x.lo.Div(y.lo), x.hi.Div(y.hi)} }

func (x vectorAVX2) Max(y vectorAVX2) vectorAVX2 { return vectorAVX2{x.lo.Max(y.lo), x.hi.Max(y.hi)} }

func (x vectorAVX2) Min(y vectorAVX2) vectorAVX2 { return vectorAVX2{x.lo.Min(y.lo), x.hi.Min(y.hi)} }
func (x vectorAVX2) Sqrt() vectorAVX2            { return vectorAVX2{x.lo.Sqrt(), x.hi.Sqrt()} }

// MulAdd returns x y + z, rounded once.
func (x vectorAVX2) MulAdd(y, z vectorAVX2) vectorAVX2 {
	return vectorAVX2{x.lo.MulAdd(y.lo, z.lo), x.hi.MulAdd(y.hi, z.hi)}
}

func (x vectorAVX2) Greater(y vectorAVX2) laneMaskAVX2 {
	return laneMaskAVX2{lo: x.lo.Greater(y.lo), hi: x.hi.Greater(y.hi), second: halfBytes}
}

func (x vectorAVX2) Equal(y vectorAVX2) laneMaskAVX2 {
	return laneMaskAVX2{lo: x.lo.Equal(y.lo), hi: x.hi.Equal(y.hi), second: halfBytes}
}

func (x vectorAVX2) NotEqual(y vectorAVX2) laneMaskAVX2 {
	return laneMaskAVX2{lo: x.lo.NotEqual(y.lo), hi: x.hi.NotEqual(y.hi), second: halfBytes}
}

// Masked returns x with 0 where mask doesn't count.
func (x vectorAVX2) Masked(mask laneMaskAVX2) vectorAVX2 {
	return vectorAVX2{x.lo.Masked(mask.lo), x.hi.Masked(mask.hi)}
}

// RoundToEvenScaled rounds to whole numbers; AVX-512 has it for other scales than
// the 0 that kernels ask for.
func (x vectorAVX2) RoundToEvenScaled(uint8) vectorAVX2 {
	return vectorAVX2{x.lo.RoundToEven(), x.hi.RoundToEven()}
}

// Scale returns x 2^n for whole n and x about 1.
func (x vectorAVX2) Scale(n vectorAVX2) vectorAVX2 {
	return vectorAVX2{scaleHalf(x.lo, n.lo), scaleHalf(x.hi, n.hi)}
}

// scaleHalf multiplies by two powers of two, since one can't be as large or as
// small as the result may; the first product is exact if x is about 1.
func scaleHalf(x, n half) half {
	const most = 250 // 2^250 is infinity for any x about 1, 2^-250 is 0
	a := n.Mul(broadcastHalf(.5)).RoundToEven()
	y := x.Mul(powerOf2(a)).Mul(powerOf2(n.Sub(a)))
	y = broadcastHalf(float32(math.Inf(1))).Merge(y, n.Greater(broadcastHalf(most)))
	var zero half
	return zero.Merge(y, n.Less(broadcastHalf(-most)))
}

// powerOf2 returns 2^n for whole n from -126 to 127.
func powerOf2(n half) half {
	return n.ConvertToInt32().Add(archsimd.BroadcastInt32x8(127)).ShiftAllLeft(23).AsFloat32x8()
}

func vectorMulToAVX2(dst, a, b []float32, m, n, k, rs, cs int, add bool) {
	j := 0
	for ; j+16 <= n; j += 16 {
		i := 0
		for ; i+4 <= m; i += 4 {
			mulTile4x16(pointer(dst[i*n+j:]), pointer(a[i*rs:]), pointer(b[j:]), n*float32Bytes, rs*float32Bytes, cs*float32Bytes, k, add)
		}
		for ; i < m; i++ {
			tile1x16AVX2(pointer(dst[i*n+j:]), pointer(a[i*rs:]), pointer(b[j:]), n, k, cs, add)
		}
	}
	for ; j < n; j += 8 {
		mask := lanesHalf(n - j)
		i := 0
		for ; i+4 <= m; i += 4 {
			tile4x8AVX2(pointer(dst[i*n+j:]), a[i*rs:], pointer(b[j:]), n, k, rs, cs, mask, add)
		}
		for ; i < m; i++ {
			tile1x8AVX2(pointer(dst[i*n+j:]), pointer(a[i*rs:]), pointer(b[j:]), n, k, cs, mask, add)
		}
	}
	archsimd.ClearAVXUpperBits()
}

// mulTile4x16 computes 4 x 16 elements of a product as tile4x32 does; strides are
// in bytes, and k is at least 1. It is in assembly, since the compiler copies a
// factor for every multiply-add and an accumulator for every step, which takes
// three times as long.
//
//go:noescape
func mulTile4x16(dst, a, b unsafe.Pointer, row, rs, cs, k int, add bool)

func tile1x16AVX2(d, p, b unsafe.Pointer, n, k, cs int, add bool) {
	var c0, c1 half
	if add {
		c0, c1 = loadHalf(d, 0), loadHalf(d, halfBytes)
	}
	o, q := 0, 0
	for range k {
		x := spreadHalf(p, o)
		c0, c1 = x.MulAdd(loadHalf(b, q), c0), x.MulAdd(loadHalf(b, q+halfBytes), c1)
		o, q = o+cs*float32Bytes, q+n*float32Bytes
	}
	storeHalf(c0, d, 0)
	storeHalf(c1, d, halfBytes)
}

func tile4x8AVX2(d unsafe.Pointer, a []float32, b unsafe.Pointer, n, k, rs, cs int, mask archsimd.Mask32x8, add bool) {
	var c0, c1, c2, c3 half
	row := n * float32Bytes
	if add {
		c0, c1 = loadHalfMasked(d, 0, mask), loadHalfMasked(d, row, mask)
		c2, c3 = loadHalfMasked(d, 2*row, mask), loadHalfMasked(d, 3*row, mask)
	}
	main := quads(a, 3*rs, k, cs)
	p := pointer(a)
	rs, cs = rs*float32Bytes, cs*float32Bytes
	o, q := 0, 0
	for range main {
		x := loadHalfMasked(b, q, mask)
		c0, c1 = spreadHalf4(p, o).MulAdd(x, c0), spreadHalf4(p, o+rs).MulAdd(x, c1)
		c2, c3 = spreadHalf4(p, o+2*rs).MulAdd(x, c2), spreadHalf4(p, o+3*rs).MulAdd(x, c3)
		o, q = o+cs, q+row
	}
	for range k - main {
		x := loadHalfMasked(b, q, mask)
		c0, c1 = spreadHalf(p, o).MulAdd(x, c0), spreadHalf(p, o+rs).MulAdd(x, c1)
		c2, c3 = spreadHalf(p, o+2*rs).MulAdd(x, c2), spreadHalf(p, o+3*rs).MulAdd(x, c3)
		o, q = o+cs, q+row
	}
	storeHalfMasked(c0, d, 0, mask)
	storeHalfMasked(c1, d, row, mask)
	storeHalfMasked(c2, d, 2*row, mask)
	storeHalfMasked(c3, d, 3*row, mask)
}

func tile1x8AVX2(d, p, b unsafe.Pointer, n, k, cs int, mask archsimd.Mask32x8, add bool) {
	var c half
	if add {
		c = loadHalfMasked(d, 0, mask)
	}
	o, q := 0, 0
	for range k {
		c = spreadHalf(p, o).MulAdd(loadHalfMasked(b, q, mask), c)
		o, q = o+cs*float32Bytes, q+n*float32Bytes
	}
	storeHalfMasked(c, d, 0, mask)
}

func convTile2x4AVX2(d, s, weights unsafe.Pointer, f filter, o, y, x int) {
	for lane := 0; lane < vectorBytes; lane += halfBytes {
		convTile2x4Half(unsafe.Add(d, lane), unsafe.Add(s, lane), weights, f, o, y, x)
	}
}

func convTile2x4Half(d, s, weights unsafe.Pointer, f filter, o, y, x int) {
	var a0, a1, a2, a3, b0, b1, b2, b3 half
	line := (f.in.w + f.k - 1) * vectorBytes
	next := f.in.c * f.k * f.k * float32Bytes
	w := o * next
	for i := range f.in.c {
		row := (i*(f.in.h+f.k-1)+y)*line + x*vectorBytes
		for range f.k {
			p := row
			for range f.k {
				x0, x1, x2, x3 := loadHalf(s, p), loadHalf(s, p+vectorBytes), loadHalf(s, p+2*vectorBytes), loadHalf(s, p+3*vectorBytes)
				v := spreadHalf(weights, w)
				a0, a1, a2, a3 = v.MulAdd(x0, a0), v.MulAdd(x1, a1), v.MulAdd(x2, a2), v.MulAdd(x3, a3)
				v = spreadHalf(weights, w+next)
				b0, b1, b2, b3 = v.MulAdd(x0, b0), v.MulAdd(x1, b1), v.MulAdd(x2, b2), v.MulAdd(x3, b3)
				p, w = p+vectorBytes, w+float32Bytes
			}
			row += line
		}
	}
	plane := f.in.plane() * float32Bytes
	storeHalf(a0, d, 0)
	storeHalf(a1, d, vectorBytes)
	storeHalf(a2, d, 2*vectorBytes)
	storeHalf(a3, d, 3*vectorBytes)
	storeHalf(b0, d, plane)
	storeHalf(b1, d, plane+vectorBytes)
	storeHalf(b2, d, plane+2*vectorBytes)
	storeHalf(b3, d, plane+3*vectorBytes)
}

func filterGradTileAVX2(d0, d1 []float32, s, g unsafe.Pointer, f filter, o, q, i, ky, kx int) {
	var a, b [3]vectorAVX2
	a[0].lo, a[1].lo, a[2].lo, b[0].lo, b[1].lo, b[2].lo = filterGradHalf(s, g, f, o, q, i, ky, kx)
	s, g = unsafe.Add(s, halfBytes), unsafe.Add(g, halfBytes)
	a[0].hi, a[1].hi, a[2].hi, b[0].hi, b[1].hi, b[2].hi = filterGradHalf(s, g, f, o, q, i, ky, kx)
	for k := range a {
		storeFirstAVX2(sumAVX2(a[k]), &d0[k])
		storeFirstAVX2(sumAVX2(b[k]), &d1[k])
	}
}

func filterGradHalf(s, g unsafe.Pointer, f filter, o, q, i, ky, kx int) (a0, a1, a2, b0, b1, b2 half) {
	in := f.padded()
	for b := range f.in.g {
		for y := range f.in.h {
			p := (((b*in.c+i)*in.h+y+ky)*in.w + kx) * vectorBytes
			r0, r1 := ((b*f.out+o)*f.in.h+y)*f.in.w*vectorBytes, ((b*f.out+q)*f.in.h+y)*f.in.w*vectorBytes
			for range f.in.w {
				x0, x1, x2 := loadHalf(s, p), loadHalf(s, p+vectorBytes), loadHalf(s, p+2*vectorBytes)
				v := loadHalf(g, r0)
				a0, a1, a2 = v.MulAdd(x0, a0), v.MulAdd(x1, a1), v.MulAdd(x2, a2)
				v = loadHalf(g, r1)
				b0, b1, b2 = v.MulAdd(x0, b0), v.MulAdd(x1, b1), v.MulAdd(x2, b2)
				p, r0, r1 = p+vectorBytes, r0+vectorBytes, r1+vectorBytes
			}
		}
	}
	return a0, a1, a2, b0, b1, b2
}
