//go:build healthctl_start && !race && !msan && !asan

#include "textflag.h"

// func start()
//
// The first instruction of the process when healthctl has the start symbol; see
// start_linux.go. The kernel has loaded the program and left
//
//	RSP    points at argc, with argv and envp above it: what the Go runtime reads
//
// No compiled Go code can run yet, so all of this is system calls, which write into
// Go variables. SVC takes the number of the call in R8 and the arguments in R0 to R3,
// and leaves the result in R0. Nothing here uses the stack, and the runtime expects
// nothing of any other register. ZR is zero.
TEXT ·start(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	$135, R8     // rt_sigprocmask(SIG_BLOCK, NULL, &startMask, 8): block
	MOVD	ZR, R0       // nothing more, and write which signals are blocked. A set
	MOVD	ZR, R1       // of signals has 8 bytes
	MOVD	$·startMask(SB), R2
	MOVD	$8, R3
	SVC

	MOVD	$1, R9       // R9 = the signal, from 1 to 64
	MOVD	$·startActions(SB), R10 // R10 = the address of its element
action:
	MOVD	$134, R8     // rt_sigaction(signal, NULL, &startActions[signal-1], 8)
	MOVD	R9, R0
	MOVD	ZR, R1
	MOVD	R10, R2
	MOVD	$8, R3
	SVC
	ADD	$32, R10     // the size of an element
	ADD	$1, R9
	CMP	$64, R9
	BLE	action

	MOVD	ZR, R9       // R9 = the descriptor, from 0 to 2
	MOVD	$·startDescriptors(SB), R10
descriptor:
	MOVD	$25, R8      // fcntl(descriptor, F_GETFD)
	MOVD	R9, R0
	MOVD	$1, R1
	SVC
	MOVD	R0, (R10)    // its flags, or a negative number: it is closed
	ADD	$8, R10
	ADD	$1, R9
	CMP	$3, R9
	BLT	descriptor

	MOVD	$1, R9
	MOVD	R9, ·startRan(SB)
	JMP	_rt0_arm64_linux(SB) // the Go runtime's own entry
