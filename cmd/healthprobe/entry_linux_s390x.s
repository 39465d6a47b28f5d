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
// The stack has to stay a multiple of 8.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	XOR	R0, R0         // zero
	MOVD	R15, R2        // remember where argc is
	SUB	$96, R15       // room for g and for a call
	CLEAR	$64, 32(R15)   // g: eight words of zeros. The limit is its third word
	ADD	$32, R15, g    // (16 bytes in), and nothing else of it is read. The
	MOVD	R2, 8(R15)     // seventh is a pointer: should a later Go follow it, let
	CALL	·enter(SB)     // it be null. The word at 8(R15) is the argument: Go's
	UNDEF                  // assembly passes it on the stack. enter never returns.
