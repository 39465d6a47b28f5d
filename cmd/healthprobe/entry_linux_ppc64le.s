//go:build healthprobe_direct && !race && !msan && !asan

#include "textflag.h"

// func direct()
//
// The first instruction of the process when the direct entry is used; see
// entry_linux.go. The kernel has loaded the program and left
//
//	R1     (SP) points at argc, with argv and envp above it; below it all is free
//
// Compiled Go code expects
//
//	R0     is zero
//	g      (R30) points at the runtime's record of the running goroutine. The
//	       start of nearly every function compares R1 with a limit kept in it,
//	       to see if the stack must grow. In a g of zeros the limit is 0, and
//	       it never must.
//
// The first 32 bytes of a caller's frame belong to what it calls: arguments are
// above them.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	XOR	R0, R0         // zero
	MOVD	R1, R3         // remember where argc is
	SUB	$112, R1       // room for g and for a call
	MOVD	R0, 48(R1)     // g: eight words of zeros. The limit is its third word
	MOVD	R0, 56(R1)     // (16 bytes in), and nothing else of it is read. The
	MOVD	R0, 64(R1)     // seventh is a pointer: should a later Go follow it, let
	MOVD	R0, 72(R1)     // it be null.
	MOVD	R0, 80(R1)
	MOVD	R0, 88(R1)
	MOVD	R0, 96(R1)
	MOVD	R0, 104(R1)
	ADD	$48, R1, g     // g points at them
	MOVD	R3, 32(R1)     // the argument: Go's assembly passes it on the stack
	CALL	·enter(SB)     // never returns
	UNDEF                  // if it did: stop here
