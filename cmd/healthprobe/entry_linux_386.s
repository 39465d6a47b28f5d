//go:build healthprobe_direct && !race && !msan && !asan

#include "textflag.h"

// func direct()
//
// The first instruction of the process when the direct entry is used; see
// entry_linux.go. The kernel has loaded the program and left
//
//	SP     points at argc, with argv and envp above it; below it all is free
//	GS     is 0: no thread-local storage
//
// Compiled Go code finds g, the runtime's record of the running goroutine, in
// thread-local storage, which is a segment of memory that GS selects:
//
//	0(GS)  is the address of this very word
//	-4(GS) is the address of g
//
// The start of nearly every function compares SP with a limit kept in g, to see if
// the stack must grow. In a g of zeros the limit is 0, and it never must.
//
// set_thread_area(2) makes a segment from a struct user_desc: the number of an
// entry in the kernel's table (-1 lets it choose, and it writes the number there),
// the segment's address, its last page, and flags.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVL	SP, DI       // remember where argc is
	PUSHL	$0           // g: eight words of zeros. The limit is its third word
	PUSHL	$0           // (8 bytes in), and nothing else of it is read. The
	PUSHL	$0           // seventh is a pointer: should a later Go follow it, let
	PUSHL	$0           // it be null.
	PUSHL	$0
	PUSHL	$0
	PUSHL	$0
	PUSHL	$0
	MOVL	SP, SI       // SI = g
	LEAL	-4(SP), DX   // DX = the address of the word that is pushed next,
	PUSHL	DX           // which holds its own address: 0(GS)
	PUSHL	SI           // -4(GS)
	PUSHL	$0x51        // flags: 32 bits, the size counts pages, useable
	PUSHL	$0xfffff     // the last page: all 4 GB
	PUSHL	DX           // the address
	PUSHL	$-1          // the entry
	MOVL	$243, AX     // set_thread_area(struct user_desc)
	MOVL	SP, BX
	INT	$0x80
	TESTL	AX, AX
	JNE	failed       // a seccomp filter forbids it: no Go code can run
	MOVL	0(SP), AX    // a selector is the number of the entry, times 8,
	LEAL	3(AX*8), AX  // and 3, the privilege of user space
	MOVW	AX, GS
	PUSHL	DI           // the argument: Go's assembly passes it on the stack
	CALL	·enter(SB)   // never returns
failed:
	PUSHL	$0           // a signal set with SIGPIPE (1<<12) alone, because
	PUSHL	$0x1000      // rt_sigprocmask(SIG_BLOCK, set, NULL, 8) lets a write
	MOVL	$175, AX     // that nobody reads fail, instead of killing this
	MOVL	$0, BX       // process: the exit status has to be 1 all the same
	MOVL	SP, CX
	MOVL	$0, DX
	MOVL	$8, SI
	INT	$0x80
	MOVL	$4, AX       // write(2, noSetThreadArea): a Go string is the address
	MOVL	$2, BX       // of its bytes, and then their number
	MOVL	·noSetThreadArea+0(SB), CX
	MOVL	·noSetThreadArea+4(SB), DX
	INT	$0x80
	MOVL	$252, AX     // exit_group(1): unhealthy
	MOVL	$1, BX
	INT	$0x80
