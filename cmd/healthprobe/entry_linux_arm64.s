//go:build healthprobe_direct && !race && !msan && !asan

#include "textflag.h"

// func direct()
//
// The first instruction of the process when the direct entry is used; see
// entry_linux.go. The kernel has loaded the program and left
//
//	RSP    points at argc, with argv and envp above it; below it all is free
//
// Compiled Go code expects
//
//	g      (R28) points at the runtime's record of the running goroutine. The
//	       start of nearly every function compares RSP with a limit kept in
//	       it, to see if the stack must grow. In a g of zeros the limit is 0,
//	       and it never must.
//
// The stack has to stay a multiple of 16.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	RSP, R0          // remember where argc is
	SUB	$96, RSP         // room for g and for a call
	STP	(ZR, ZR), 32(RSP) // g: eight words of zeros. The limit is its third
	STP	(ZR, ZR), 48(RSP) // word (16 bytes in), and nothing else of it is read.
	STP	(ZR, ZR), 64(RSP) // The seventh is a pointer: should a later Go follow
	STP	(ZR, ZR), 80(RSP) // it, let it be null.
	ADD	$32, RSP, g      // g points at them
	MOVD	R0, 8(RSP)       // the argument: Go's assembly passes it on the stack
	CALL	·enter(SB)       // never returns
	BRK	$0               // if it did: stop here
