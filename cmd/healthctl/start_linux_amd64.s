//go:build healthctl_start && !race && !msan && !asan

#include "textflag.h"

// func start()
//
// The first instruction of the process when healthctl has the start symbol; see
// start_linux.go. The kernel has loaded the program and left
//
//	SP     points at argc, with argv and envp above it: what the Go runtime reads
//
// No compiled Go code can run yet, so all of this is system calls, which write into
// Go variables. SYSCALL takes the number of the call in AX and the arguments in DI,
// SI, DX and R10. It leaves the result in AX and overwrites CX and R11. Nothing here
// uses the stack, and the runtime expects nothing of any other register.
TEXT ·start(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVQ	$14, AX     // rt_sigprocmask(SIG_BLOCK, NULL, &startMask, 8): block
	MOVQ	$0, DI      // nothing more, and write which signals are blocked. A set
	MOVQ	$0, SI      // of signals has 8 bytes
	LEAQ	·startMask(SB), DX
	MOVQ	$8, R10
	SYSCALL

	MOVQ	$1, BX      // BX = the signal, from 1 to 64
	LEAQ	·startActions(SB), R12 // R12 = the address of its element
action:
	MOVQ	$13, AX     // rt_sigaction(signal, NULL, &startActions[signal-1], 8)
	MOVQ	BX, DI
	MOVQ	$0, SI
	MOVQ	R12, DX
	MOVQ	$8, R10
	SYSCALL
	ADDQ	$32, R12    // the size of an element
	INCQ	BX
	CMPQ	BX, $64
	JLE	action

	MOVQ	$0, BX      // BX = the descriptor, from 0 to 2
	LEAQ	·startDescriptors(SB), R12
descriptor:
	MOVQ	$72, AX     // fcntl(descriptor, F_GETFD)
	MOVQ	BX, DI
	MOVQ	$1, SI
	SYSCALL
	MOVQ	AX, (R12)   // its flags, or a negative number: it is closed
	ADDQ	$8, R12
	INCQ	BX
	CMPQ	BX, $3
	JLT	descriptor

	MOVQ	$1, ·startRan(SB)
	JMP	_rt0_amd64_linux(SB) // the Go runtime's own entry
