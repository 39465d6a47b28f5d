//go:build healthprobe_direct && !race && !msan && !asan

#include "textflag.h"

// func direct()
//
// The first instruction of the process when the direct entry is used; see
// entry_linux.go. The kernel has loaded the program and left
//
//	R3     (SP) points at argc, with argv and envp above it; below it all is free
//
// Compiled Go code expects
//
//	g      (R22) points at the runtime's record of the running goroutine. The
//	       start of nearly every function compares R3 with a limit kept in it,
//	       to see if the stack must grow. In a g of zeros the limit is 0, and
//	       it never must.
//
// R0 always reads as zero. The stack has to stay a multiple of 16.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVV	R3, R4         // remember where argc is
	SUBV	$96, R3        // room for g and for a call
	MOVV	R0, 32(R3)     // g: eight words of zeros. The limit is its third word
	MOVV	R0, 40(R3)     // (16 bytes in), and nothing else of it is read. The
	MOVV	R0, 48(R3)     // seventh is a pointer: should a later Go follow it, let
	MOVV	R0, 56(R3)     // it be null.
	MOVV	R0, 64(R3)
	MOVV	R0, 72(R3)
	MOVV	R0, 80(R3)
	MOVV	R0, 88(R3)
	ADDV	$32, R3, g     // g points at them
	MOVV	R4, 8(R3)      // the argument: Go's assembly passes it on the stack
	CALL	·enter(SB)     // never returns
	BREAK                  // if it did: stop here
