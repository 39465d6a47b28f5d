//go:build !(healthprobe_direct && amd64)

package sys

import "syscall"

// rawSyscall makes a system call of which no scheduler knows.
func rawSyscall(trap, a1, a2, a3, a4, a5 uintptr) (r uintptr, e syscall.Errno) {
	r, _, e = syscall.RawSyscall6(trap, a1, a2, a3, a4, a5, 0)
	return r, e
}
