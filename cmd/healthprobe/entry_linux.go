//go:build healthprobe_direct && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x) && !race && !msan && !asan

package main

import (
	"unsafe"

	"github.com/healthprobe/healthprobe/internal/sys"
)

// The direct entry. Linked with -ldflags=-E=main.direct, the kernel starts the
// process at the assembly symbol main.direct (entry_linux_<architecture>.s)
// instead of the Go runtime's entry. That stub sets up the few registers that
// compiled Go code expects and calls enter, below. The Go runtime is in the file
// but never starts: no threads, no heap, no garbage collector, no signal handlers.
// So the probe also answers in a container that has no processes or memory left.
//
// The build tag healthprobe_direct, which build.sh sets as well, compiles this file
// and the system calls of internal/sys that do without a scheduler. Without the tag
// there is no main.direct, and linking fails.
//
// # Rules
//
// Everything that enter reaches (command.go, age.go, and in internal/ most of verdict,
// state, text and sys) therefore obeys these rules:
//
//   - nothing may allocate: no append, no concatenation, no boxing in an
//     interface, no variable that escapes to the heap;
//   - no goroutine, defer, panic, map or channel; every index must be one that
//     the compiler can prove, because a failed bounds check panics;
//   - no package-level variable that needs code to initialize it: that code
//     (init) never ran, and the variable is silently zero;
//   - system calls through internal/sys only.
//
// TestDirectEntryRules in test/entry reads the compiler's output and fails if a
// rule is broken.
//
// Race, msan and asan builds call into their run-time libraries from
// everywhere, so they have no direct entry: linking one fails because the
// symbol is missing.

//lint:file-ignore U1000 only the assembly uses all of this

// direct is where the kernel enters.
func direct()

// The stubs for amd64 and 386 print these if the one system call they need is
// forbidden.
var (
	noArchPrctl     = cannotStart + "arch_prctl" + allowIt
	noSetThreadArea = cannotStart + "set_thread_area" + allowIt
)

const (
	cannotStart = "unhealthy: healthprobe cannot start: seccomp forbids "
	allowIt     = ": allow it in the container's seccomp profile\n"
)

// enter is called by direct. stack is what the kernel left on the stack (see the
// System V ABI, "Process Initialization"): argc, then argc pointers to the arguments, a
// null pointer, pointers to the environment's entries, a null pointer. All strings are
// NUL-terminated.
func enter(stack *uintptr) {
	argc := *stack
	args := unsafe.Add(unsafe.Pointer(stack), word)
	for env := unsafe.Add(args, (argc+1)*word); *(**byte)(env) != nil; env = unsafe.Add(env, word) {
		cmd.Env(stringAt(*(**byte)(env)))
	}
	for i := uintptr(1); i < argc; i++ {
		cmd.Arg(stringAt(*(**byte)(unsafe.Add(args, i*word))))
	}
	sys.Exit(cmd.Run())
}

const word = unsafe.Sizeof(uintptr(0))

// stringAt returns a NUL-terminated string without copying it. (unsafe.String has checks
// that may panic.)
func stringAt(p *byte) string {
	s := struct {
		data *byte
		n    uintptr
	}{p, 0}
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), s.n)) != 0 {
		s.n++
	}
	return *(*string)(unsafe.Pointer(&s))
}
