//go:build healthprobe_direct && !race && !msan && !asan

#include "textflag.h"

// func direct()
//
// The first instruction of the process when the direct entry is used; see
// entry_linux.go. The kernel has loaded the program and left
//
//	SP     points at argc, with argv and envp above it; below it all is free
//	FS     is 0: no thread-local storage
//
// Compiled Go code expects
//
//	R14    points at g, the runtime's record of the running goroutine. The
//	       start of nearly every function compares SP with a limit kept in
//	       g, to see if the stack must grow. In a g of zeros the limit is 0,
//	       and it never must.
//	X15    is zero
//	-8(FS) holds the address of g too
//
// A Go function called from assembly first goes through a few instructions
// that the linker adds (an "ABI wrapper"). They clear X15 and load R14 from
// -8(FS), so setting up FS is all that is left to do here. FS can be set only
// by a system call.
TEXT ·direct(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVQ	SP, BX      // remember where argc is
	PUSHQ	$0          // g: eight words of zeros. The limit is its third word
	PUSHQ	$0          // (16 bytes in), and nothing else of it is read. The
	PUSHQ	$0          // seventh is a pointer: should a later Go follow it, let
	PUSHQ	$0          // it be null.
	PUSHQ	$0
	PUSHQ	$0
	PUSHQ	$0
	PUSHQ	$0
	MOVQ	SP, SI      // SI = g
	PUSHQ	SI          // the word just below g holds its address, so that
	MOVQ	$158, AX    // arch_prctl(ARCH_SET_FS, g)
	MOVQ	$0x1002, DI // makes -8(FS) that word
	SYSCALL
	TESTQ	AX, AX
	JNE	failed      // a seccomp filter forbids it: no Go code can run
	PUSHQ	BX          // the argument: Go's assembly passes it on the stack
	CALL	·enter(SB)  // never returns
failed:
	PUSHQ	$0x1000     // a signal set with SIGPIPE (1<<12) alone, because
	MOVQ	$14, AX     // rt_sigprocmask(SIG_BLOCK, set, NULL, 8) lets a write
	MOVQ	$0, DI      // that nobody reads fail, instead of killing this
	MOVQ	SP, SI      // process: the exit status has to be 1 all the same
	MOVQ	$0, DX
	MOVQ	$8, R10
	SYSCALL
	MOVQ	$1, AX      // write(2, noArchPrctl): a Go string is the address of
	MOVQ	$2, DI      // its bytes, and then their number
	MOVQ	·noArchPrctl+0(SB), SI
	MOVQ	·noArchPrctl+8(SB), DX
	SYSCALL
	MOVQ	$231, AX    // exit_group(1): unhealthy
	MOVQ	$1, DI
	SYSCALL
