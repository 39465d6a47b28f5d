//go:build healthprobe_direct && !race && !msan && !asan

#include "textflag.h"

// func direct()
//
// The first instruction of the process when the direct entry is used; see
// entry_linux.go. The kernel has loaded the program and left
//
//	X2     (SP) points at argc, with argv and envp above it; below it all is free
//
// Compiled Go code expects
//
//	g      (X27) points at the runtime's record of the running goroutine. The
//	       start of nearly every function compares X2 with a limit kept in it,
//	       to see if the stack must grow. In a g of zeros the limit is 0, and
//	       it never must.
//
// The stack has to stay a multiple of 16.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOV	X2, A0         // remember where argc is
	SUB	$96, X2        // room for g and for a call
	MOV	ZERO, 32(X2)   // g: eight words of zeros. The limit is its third word
	MOV	ZERO, 40(X2)   // (16 bytes in), and nothing else of it is read. The
	MOV	ZERO, 48(X2)   // seventh is a pointer: should a later Go follow it, let
	MOV	ZERO, 56(X2)   // it be null.
	MOV	ZERO, 64(X2)
	MOV	ZERO, 72(X2)
	MOV	ZERO, 80(X2)
	MOV	ZERO, 88(X2)
	ADD	$32, X2, g     // g points at them
	MOV	A0, 8(X2)      // the argument: Go's assembly passes it on the stack
	CALL	·enter(SB)     // never returns
	EBREAK                 // if it did: stop here
