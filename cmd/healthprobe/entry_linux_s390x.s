//go:build healthprobe_direct && !race && !msan && !asan

#include "textflag.h"

// func direct()
//
// The first instruction of the process when the direct entry is used; see
// entry_linux.go. The kernel has loaded the program and left
//
//	R15    (SP) points at argc, with argv and envp above it; below it all is free
//
// Compiled Go code expects
//
//	R0     is zero
//	g      (R13) points at the runtime's record of the running goroutine. The
//	       start of nearly every function compares R15 with a limit kept in it,
//	       to see if the stack must grow. In a g of zeros the limit is 0, and
//	       it never must.
//
// Of the eight words of zeros that take the place of g, only the third is read, the
// limit. The seventh is a pointer: should a later Go follow it, let it be null. The
// stack has to stay a multiple of 8.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	XOR	R0, R0         // zero
	MOVD	R15, R2        // remember where argc is
	SUB	$96, R15       // room for g and for a call
	CLEAR	$64, 32(R15)   // g: eight words of zeros
	ADD	$32, R15, g    // g points at them
	MOVD	R2, 8(R15)     // the argument: Go's assembly passes it on the stack
	CALL	·enter(SB)     // never returns
	UNDEF                  // if it did: stop here
