//go:build goexperiment.simd && amd64

package kern

import (
	"math"
	"simd/archsimd"
	"unsafe"
)

// The AVX-512 path: what the kernels of the files named _amd64 are written in.

// vector is sixteen numbers, here one register.
type vector = archsimd.Float32x16

// laneMask says which of the sixteen count.
type laneMask = archsimd.Mask32x16

func clearUpper() { archsimd.ClearAVXUpperBits() }

// A float32 is 4 bytes, a register 64: offsets below are in bytes.
const (
	float32Bytes = 4
	vectorBytes  = 64
)

// The functions below read and write memory through pointers, because a bounds
// check for every load halves the speed of the inner loops. Their callers slice
// every operand to the full length that the loops walk over first. Pointers stay
// at an operand's start and offsets move, so that none ever points past its
// operand where the garbage collector could see it.
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
func loadMasked(p unsafe.Pointer, offset int, mask laneMask) vector {
	return archsimd.LoadMaskedFloat32x16((*[16]float32)(unsafe.Add(p, offset)), mask)
}

// storeMasked writes the lanes that mask allows, as loadMasked reads them.
//
//go:nocheckptr
func storeMasked(v vector, p unsafe.Pointer, offset int, mask laneMask) {
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

// whole returns how many of n numbers fill vectors whole.
func whole(n int) int { return n &^ 15 }

// broadcast returns a constant in all lanes; its bits are one, too.
func broadcast(x float32) vector {
	return archsimd.BroadcastUint32x16(math.Float32bits(x)).AsFloat32x16()
}

// keep writes numbers to memory, for spread to read. It is not inlined, so that
// it happens where it stands.
//
//go:noinline
func keep(to *[2]float32, x, y float32) { to[0], to[1] = x, y }

// lanes returns a mask of the first n of 16 lanes.
func lanes(n int) laneMask {
	if n >= 16 {
		return archsimd.Mask32x16FromBits(0xffff)
	}
	return archsimd.Mask32x16FromBits(1<<n - 1)
}

// Plain Go's instructions on floating point don't go well with those on vectors:
// on some processors each change between them costs fifty nanoseconds, until
// clearUpper. So sums and what follows from them stay in vectors, and numbers
// from elsewhere are kept in memory first.

// sum returns the sum of the 16 lanes in all lanes: halves are added up, four times.
func sum(v vector) vector { return fold(v.GetLo().Add(v.GetHi())).Broadcast1To16() }

// fold returns the sum of eight lanes in the first lane.
func fold(v archsimd.Float32x8) archsimd.Float32x4 {
	x := v.GetLo().Add(v.GetHi())
	x = x.Add(x.SelectFromPair(2, 3, 2, 3, x))
	return x.Add(x.SelectFromPair(1, 1, 1, 1, x))
}

// first returns the bits of the first lane.
func first(v vector) uint32 { return firstBits(v.GetLo().GetLo()) }

func firstBits(x archsimd.Float32x4) uint32 { return x.AsUint32x4().GetElem(0) }

// storeFirst writes the first lane to dst.
func storeFirst(v vector, dst *float32) { *(*uint32)(unsafe.Pointer(dst)) = first(v) }
