//go:build healthprobe_direct

package sys

import "syscall"

// rawSyscall does what syscall.RawSyscall6 does. That ends in assembly which the
// linker puts at the other end of the program: calling it costs a page fault.
func rawSyscall(trap, a1, a2, a3, a4, a5 uintptr) (r uintptr, e syscall.Errno) {
	const maxErrno = 4095 // an error is its negative number
	if r = raw(trap, a1, a2, a3, a4, a5); r > ^uintptr(maxErrno) {
		return 0, syscall.Errno(-r)
	}
	return r, 0
}

func raw(trap, a1, a2, a3, a4, a5 uintptr) (r uintptr)
