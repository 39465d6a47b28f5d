//go:build healthctl_start && (amd64 || arm64) && !race && !msan && !asan

package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The start symbol. The Go runtime gives every signal a handler, unblocks some and
// opens /dev/null in place of the descriptors 0 to 2 if they are closed, all of it
// before the first line of Go runs. Then nobody knows any more what healthctl exec has
// to give to its command. So build.sh links healthctl with -ldflags=-E=main.start:
// the kernel starts the process at that assembly symbol
// (start_linux_<architecture>.s), which writes down here how things are, and then
// goes on at the runtime's own entry. The build tag healthctl_start, which build.sh
// sets as well, says that this is so.

//lint:file-ignore U1000 start is used by the linker only

// start is where the kernel enters.
func start()

// What start has written down. These variables must not have a value of their own, nor
// pointers: it is written before the runtime starts, which leaves their memory as it is.
var (
	startMask        unix.Sigset_t // the signals that are blocked
	startActions     [64]sigaction // of signals 1 to 64
	startDescriptors [3]int        // what fcntl(F_GETFD) says of 0 to 2: negative if closed
)

// sigaction is the kernel's struct sigaction, as rt_sigaction(2) has it.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// startRan is 1 if start ran.
var startRan uint64

func init() {
	if startRan == 0 {
		os.Stderr.WriteString("healthctl: built with the tag healthctl_start, but not linked with -ldflags=-E=main.start: build.sh does both\n")
		os.Exit(1)
	}
}

const signalsNote = ""

// ignoredAtStart reports whether the process was started with a signal ignored.
func ignoredAtStart(s syscall.Signal) bool { return startActions[s-1].handler == ignore }

const ignore = 1 // SIG_IGN

// signalsAtStart describes the blocked and the ignored signals for adoptSignals.
func signalsAtStart() string {
	var ignored uint64
	for i := range startActions {
		if ignoredAtStart(syscall.Signal(i + 1)) {
			ignored |= 1 << i
		}
	}
	return strconv.FormatUint(startMask.Val[0], 16) + "," + strconv.FormatUint(ignored, 16)
}

// adoptSignals makes it look as if this process had been started as its parent was: what
// signalsAtStart returned there.
func adoptSignals(description string) {
	blocked, rest, _ := strings.Cut(description, ",")
	startMask.Val[0], _ = strconv.ParseUint(blocked, 16, 64)
	ignored, _ := strconv.ParseUint(rest, 16, 64)
	for i := range startActions {
		startActions[i].handler = uintptr(ignored >> i & 1) // ignore or default
	}
}

// closedAtStart reports whether one of the descriptors 0 to 2 was closed.
func closedAtStart(fd int) bool { return startDescriptors[fd] < 0 }

// restoreStart makes the process what it was when it started, but for what execve(2) does
// by itself: signals with a handler get the default action.
func restoreStart() {
	for i := range startActions {
		if s := syscall.Signal(i + 1); ignoredAtStart(s) {
			// Package os/signal does not know all of them.
			action := sigaction{handler: ignore}
			unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action.mask), 0, 0)
		}
	}
	for fd, flags := range startDescriptors {
		if flags < 0 {
			unix.CloseOnExec(fd) // and not now: if execve fails, the next file that is opened would get the number
		}
	}
	// The Go scheduler interrupts a thread by SIGURG if it has run for 10 ms. One that comes
	// while it is blocked would be pending in the command: so begin another 10 ms, and take
	// one that is there.
	runtime.Gosched()
	unix.PthreadSigmask(unix.SIG_SETMASK, &startMask, nil)
	if urgent := uint64(1) << (unix.SIGURG - 1); startMask.Val[0]&urgent != 0 {
		var none unix.Timespec
		unix.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&urgent)), 0, uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(urgent), 0, 0)
	}
}
