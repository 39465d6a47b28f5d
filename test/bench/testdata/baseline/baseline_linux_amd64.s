#include "textflag.h"

// func baseline()
//
// exit_group(0); see main.go.
TEXT ·baseline(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVL	$231, AX
	XORL	DI, DI
	SYSCALL
