#include "textflag.h"

// func spawn(call int, path *byte, argv, env **byte) (pid int)
//
// call is fork or vfork. After vfork the child runs on the parent's memory, its stack included, while
// the parent stands still until the child has called execve. So the child must
// not write to memory, which is why this is not Go: it has all it needs in
// registers, and system calls leave these alone.
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
