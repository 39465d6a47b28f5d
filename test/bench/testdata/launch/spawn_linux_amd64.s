#include "textflag.h"

// func spawn(call int, path *byte, argv, env **byte) (pid int)
//
// call is the number of fork or vfork. After vfork the child runs in the parent's
// memory, including its stack, and the parent is suspended until the child has
// called execve. So the child must not write to memory. That is why this is not
// Go: here everything is in registers, which system calls preserve.
TEXT ·spawn(SB), NOSPLIT, $0-40
	MOVQ	path+8(FP), DI
	MOVQ	argv+16(FP), SI
	MOVQ	env+24(FP), DX
	MOVQ	call+0(FP), AX
	SYSCALL
	TESTQ	AX, AX
	JNZ	parent
	MOVQ	$59, AX          // execve(path, argv, env)
	SYSCALL
	MOVL	$127, DI         // it failed: exit_group(127)
	MOVL	$231, AX
	SYSCALL
parent:
	MOVQ	AX, pid+32(FP)
	RET
