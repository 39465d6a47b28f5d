//go:build linux

package entry

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reexecEnv is a variable whose value makes this test binary call reexec, with
// that value and its arguments, instead of running the tests.
const reexecEnv = "HEALTHPROBE_TEST_REEXEC"

// memoryAndThreads are the numbers of clone, clone3 and the mmaps. amd64 also runs
// programs for 386, whose numbers are others: there they are those of getresgid,
// chmod and lgetxattr, which nothing here calls.
var memoryAndThreads = map[string][]uint32{
	"amd64": {56, 435, 9, 120, 90, 192},
	"arm64": {220, 435, 222},
}

// reexec replaces this process by the program argv, in the unusual environment
// that how names. It returns only if that fails.
func reexec(how string, argv []string) error {
	if len(argv) == 0 {
		return fmt.Errorf("%s=%s: no program", reexecEnv, how)
	}
	path, err := syscall.BytePtrFromString(argv[0])
	if err != nil {
		return err
	}
	arguments, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	environment := []*byte{nil}

	switch how {
	case "without arguments":
		arguments = []*byte{nil}
	case "without memory and threads":
		// The filter is this thread's, so execve must be called on it too. It
		// kills this process as well if it needs memory from here on, so
		// everything that execve takes has been allocated above.
		runtime.LockOSThread()
		if err := filter(unix.SECCOMP_RET_KILL_PROCESS, memoryAndThreads[runtime.GOARCH]...); err != nil {
			return err
		}
	case "without thread-local storage":
		runtime.LockOSThread()
		const archPrctl, setThreadArea = 158, 243 // on amd64, and for its 386 programs
		if err := filter(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM), archPrctl, setThreadArea); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s=%s: unknown value", reexecEnv, how)
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&arguments[0])), uintptr(unsafe.Pointer(&environment[0])))
	return e
}

// filter makes the kernel do action, one of seccomp's, if this process makes one
// of the system calls.
func filter(action uint32, calls ...uint32) error {
	const number = 0 // of the system call, in struct seccomp_data
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number}}
	for _, call := range calls {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: call},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// The kernel requires this of a process without privileges.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}
