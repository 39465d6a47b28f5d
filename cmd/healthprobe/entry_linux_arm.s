//go:build healthprobe_direct && !race && !msan && !asan

#include "textflag.h"

// func direct()
//
// The first instruction of the process when the direct entry is used; see
// entry_linux.go. The kernel has loaded the program and left
//
//	R13    (SP) points at argc, with argv and envp above it; below it all is free
//
// Compiled Go code expects
//
//	g      (R10) points at the runtime's record of the running goroutine. The
//	       start of nearly every function compares R13 with a limit kept in it,
//	       to see if the stack must grow. In a g of zeros the limit is 0, and
//	       it never must.
//
// The stack has to stay a multiple of 8. All of this is the same for GOARM=5, 6
// and 7.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVW	R13, R0        // remember where argc is
	SUB	$40, R13       // room for g and for a call
	MOVW	$0, R1
	MOVW	R1, 8(R13)     // g: eight words of zeros. The limit is its third word
	MOVW	R1, 12(R13)    // (8 bytes in), and nothing else of it is read. The
	MOVW	R1, 16(R13)    // seventh is a pointer: should a later Go follow it, let
	MOVW	R1, 20(R13)    // it be null.
	MOVW	R1, 24(R13)
	MOVW	R1, 28(R13)
	MOVW	R1, 32(R13)
	MOVW	R1, 36(R13)
	ADD	$8, R13, g     // g points at them
	MOVW	R0, 4(R13)     // the argument: Go's assembly passes it on the stack
	CALL	·enter(SB)     // never returns
	UNDEF                  // if it did: stop here
