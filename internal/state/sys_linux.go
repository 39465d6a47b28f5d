//go:build !(mips || mipsle || mips64 || mips64le)

package state

import (
	"syscall"
	"unsafe"
)

// The system calls of the probe, made so that they also work where the Go runtime
// never starts: rawSyscall goes straight to the kernel, while syscall.Open and its
// like enter the scheduler first. Other systems have the same functions in
// sys_unix.go, and so has MIPS, whose kernels number signals and errors in their own
// way.

const (
	atFdcwd        = -100
	clockRealtime  = 0
	sigPipe        = uint64(1) << (syscall.SIGPIPE - 1)
	sigBlock       = 0
	sigsetSize     = 8
	readFlags      = syscall.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOFOLLOW | syscall.O_CLOEXEC | syscall.O_LARGEFILE
	directoryFlags = dirFlag | syscall.O_DIRECTORY | syscall.O_NOFOLLOW | syscall.O_CLOEXEC
)

// call makes a system call again while a signal interrupts it. p and q stay
// pointers up to the call itself: they may point into the stack, and the stack can
// move.
func call(trap, a1 uintptr, p unsafe.Pointer, a3, a4 uintptr, q unsafe.Pointer) (r uintptr, e syscall.Errno) {
	for {
		if noRuntime {
			r, e = rawSyscall(trap, a1, uintptr(p), a3, a4, uintptr(q))
		} else {
			r, _, e = syscall.Syscall6(trap, a1, uintptr(p), a3, a4, uintptr(q), 0)
		}
		if e != syscall.EINTR {
			return r, e
		}
	}
}

func open(dir int, path *byte, flags uintptr) (fd int, e syscall.Errno) {
	r, e := call(syscall.SYS_OPENAT, uintptr(dir), unsafe.Pointer(path), flags, 0, nil)
	return int(r), e
}

// OpenDir opens a directory, not through a symbolic link, as a place to open
// files in. path is NUL-terminated.
func OpenDir(path *byte) (fd int, e syscall.Errno) { return open(atFdcwd, path, directoryFlags) }

// CanSearch reports whether files in an open directory can be reached: false if
// this user lacks execute permission for it.
func CanSearch(dir int) bool {
	dot := [2]byte{'.'}
	fd, e := open(dir, &dot[0], directoryFlags)
	if e == 0 {
		Close(fd)
	}
	return e != syscall.EACCES
}

func openAt(dir int, path *byte) (fd int, e syscall.Errno) { return open(dir, path, readFlags) }

// readStart reads what a file begins with: pread(2) refuses a FIFO with ESPIPE.
// The offset has 64 bits, and how 32-bit architectures split it between registers
// differs, but 0 is zeros in all of them.
func readStart(fd int, buf []byte) ([]byte, syscall.Errno) {
	return readBy(syscall.SYS_PREAD64, fd, buf)
}

// readNext reads on from where the last readNext ended.
func readNext(fd int, buf []byte) ([]byte, syscall.Errno) { return readBy(syscall.SYS_READ, fd, buf) }

func readBy(trap uintptr, fd int, buf []byte) ([]byte, syscall.Errno) {
	r, e := call(trap, uintptr(fd), unsafe.Pointer(unsafe.SliceData(buf)), uintptr(len(buf)), 0, nil)
	if e != 0 || r > uintptr(len(buf)) {
		return nil, e
	}
	return buf[:r], 0
}

// Close does not try again: a close that was interrupted has closed.
func Close(fd int) { rawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0) }

// kill0 is kill(pid, 0): ESRCH means that there is no such process, EPERM
// that there is one.
func kill0(pid int32) syscall.Errno {
	_, e := call(syscall.SYS_KILL, uintptr(pid), nil, 0, 0, nil)
	return e
}

// Utsname is room for a struct utsname: six strings of 65 bytes.
type Utsname [6 * 65]byte

// HostName returns the nodename of uname(2); it points into buf.
func HostName(buf *Utsname) string {
	if _, e := rawSyscall(syscall.SYS_UNAME, uintptr(unsafe.Pointer(buf)), 0, 0, 0, 0); e != 0 {
		return ""
	}
	const field = 65 // nodename is the second
	name := buf[field : 2*field]
	for i, c := range name {
		if c == 0 {
			return String(name[:i])
		}
	}
	return String(name)
}

// Write writes text to a descriptor as far as that works. SIGPIPE is blocked
// first: nobody reading the message must not change the exit status.
func Write(fd int, text string) {
	set := sigPipe
	call(syscall.SYS_RT_SIGPROCMASK, sigBlock, unsafe.Pointer(&set), 0, sigsetSize, nil)
	for len(text) > 0 {
		n, e := call(syscall.SYS_WRITE, uintptr(fd), unsafe.Pointer(unsafe.StringData(text)), uintptr(len(text)), 0, nil)
		if e != 0 || n == 0 || n > uintptr(len(text)) {
			return
		}
		text = text[n:]
	}
}

// Exit ends the process.
func Exit(status int) {
	for {
		rawSyscall(syscall.SYS_EXIT_GROUP, uintptr(status), 0, 0, 0, 0)
	}
}
