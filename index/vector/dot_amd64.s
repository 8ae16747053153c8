#include "textflag.h"

// func dotRowsAVX2(q, rows *int8, n, stride int, out *int32)
//
// The bytes of q are taken without sign and theirs is given to the row's, so
// that one instruction multiplies unsigned by signed; two products of ±127
// fit in 16 bits.
TEXT ·dotRowsAVX2(SB), NOSPLIT, $0-40
	MOVQ     q+0(FP), SI
	MOVQ     rows+8(FP), DI
	MOVQ     n+16(FP), CX
	MOVQ     stride+24(FP), DX
	MOVQ     out+32(FP), R8
	VPCMPEQW Y15, Y15, Y15
	VPSRLW   $15, Y15, Y15 // sixteen ones

row:
	TESTQ CX, CX
	JZ    done
	VPXOR Y0, Y0, Y0
	XORQ  AX, AX

step:
	VMOVDQU    (SI)(AX*1), Y1
	VMOVDQU    (DI)(AX*1), Y2
	VPSIGNB    Y1, Y2, Y2
	VPABSB     Y1, Y1
	VPMADDUBSW Y2, Y1, Y2
	VPMADDWD   Y15, Y2, Y2
	VPADDD     Y2, Y0, Y0
	ADDQ       $32, AX
	CMPQ       AX, DX
	JLT        step

	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4E, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xB1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, (R8)
	ADDQ         DX, DI
	ADDQ         $4, R8
	DECQ         CX
	JMP          row

done:
	VZEROUPPER
	RET
