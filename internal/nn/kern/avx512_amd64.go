//go:build goexperiment.simd && amd64

package kern

import (
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
	return broadcast(*(*float32)(unsafe.Add(p, offset)))
}

// whole returns how many of n numbers fill vectors whole.
func whole(n int) int { return n &^ 15 }

func broadcast(x float32) vector { return archsimd.BroadcastFloat32x16(x) }

// lanes returns a mask of the first n of 16 lanes.
func lanes(n int) laneMask {
	if n >= 16 {
		return archsimd.Mask32x16FromBits(0xffff)
	}
	return archsimd.Mask32x16FromBits(1<<n - 1)
}

// sum adds the 16 lanes: halves first, then in order.
func sum(v vector) float32 {
	x := v.GetLo().Add(v.GetHi())
	var a [4]float32
	x.GetLo().Add(x.GetHi()).Store(&a)
	return a[0] + a[2] + (a[1] + a[3])
}
