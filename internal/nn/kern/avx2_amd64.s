//go:build goexperiment.simd

#include "textflag.h"

// func mulTile4x16(dst, a, b unsafe.Pointer, row, rs, cs, k int, add bool)
//
// Y0 to Y7 are the tile, two registers a row; Y8 and Y9 are 16 elements of a row
// of b, Y10 and Y11 one of a row of a.
TEXT ·mulTile4x16(SB), NOSPLIT, $0-57
	MOVQ    dst+0(FP), DI
	MOVQ    a+8(FP), AX
	MOVQ    b+16(FP), BX
	MOVQ    row+24(FP), R8
	MOVQ    rs+32(FP), R9
	MOVQ    cs+40(FP), R10
	MOVQ    k+48(FP), CX
	MOVBLZX add+56(FP), DX
	LEAQ    (AX)(R9*2), R11
	LEAQ    (DI)(R8*2), R12
	TESTB   DX, DX
	JNZ     add

	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	JMP    loop

add:
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS (DI)(R8*1), Y2
	VMOVUPS 32(DI)(R8*1), Y3
	VMOVUPS (R12), Y4
	VMOVUPS 32(R12), Y5
	VMOVUPS (R12)(R8*1), Y6
	VMOVUPS 32(R12)(R8*1), Y7

loop:
	VMOVUPS      (BX), Y8
	VMOVUPS      32(BX), Y9
	VBROADCASTSS (AX), Y10
	VFMADD231PS  Y8, Y10, Y0
	VFMADD231PS  Y9, Y10, Y1
	VBROADCASTSS (AX)(R9*1), Y11
	VFMADD231PS  Y8, Y11, Y2
	VFMADD231PS  Y9, Y11, Y3
	VBROADCASTSS (R11), Y10
	VFMADD231PS  Y8, Y10, Y4
	VFMADD231PS  Y9, Y10, Y5
	VBROADCASTSS (R11)(R9*1), Y11
	VFMADD231PS  Y8, Y11, Y6
	VFMADD231PS  Y9, Y11, Y7
	ADDQ         R10, AX
	ADDQ         R10, R11
	ADDQ         R8, BX
	DECQ         CX
	JNZ          loop

	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, (DI)(R8*1)
	VMOVUPS Y3, 32(DI)(R8*1)
	VMOVUPS Y4, (R12)
	VMOVUPS Y5, 32(R12)
	VMOVUPS Y6, (R12)(R8*1)
	VMOVUPS Y7, 32(R12)(R8*1)
	VZEROUPPER
	RET
