//go:build healthprobe_direct

#include "textflag.h"

// func raw(trap, a1, a2, a3, a4, a5 uintptr) (r uintptr)
//
// A system call, as syscall(2) has it for x86-64: the number goes into AX, the
// arguments into DI, SI, DX, R10, R8 and R9, and the result comes back in AX. The
// kernel changes CX and R11, which the caller does not need. Go's assembly finds
// its arguments on the stack, 8 bytes each, and leaves the result behind them.
TEXT ·raw(SB), NOSPLIT, $0-56
	MOVQ	trap+0(FP), AX
	MOVQ	a1+8(FP), DI
	MOVQ	a2+16(FP), SI
	MOVQ	a3+24(FP), DX
	MOVQ	a4+32(FP), R10
	MOVQ	a5+40(FP), R8
	MOVQ	$0, R9
	SYSCALL
	MOVQ	AX, r+48(FP)
	RET
