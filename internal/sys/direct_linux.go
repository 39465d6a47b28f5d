//go:build healthprobe_direct

package sys

import (
	"runtime"
	"syscall"
	"unsafe"

	"github.com/healthprobe/healthprobe/internal/text"
	"golang.org/x/sys/unix"
)

// No scheduler knows of these calls: here there is none. Otherwise this obeys the
// rules at the top of cmd/healthprobe/entry_linux.go.

const (
	readFlags      = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_LARGEFILE
	directoryFlags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
)

// call makes a system call, again while a signal interrupts it. p and q stay
// pointers up to the call itself: in a test they may point into a stack that moves.
func call(trap, a1 uintptr, p unsafe.Pointer, a3, a4 uintptr, q unsafe.Pointer) (r uintptr, e syscall.Errno) {
	for {
		r, _, e = syscall.RawSyscall6(trap, a1, uintptr(p), a3, a4, uintptr(q), 0)
		if e != syscall.EINTR {
			return r, e
		}
	}
}

func open(dir int, path *byte, flags uintptr) (fd int, e syscall.Errno) {
	r, e := call(unix.SYS_OPENAT, uintptr(dir), unsafe.Pointer(path), flags, 0, nil)
	return int(r), e
}

// OpenDir opens a directory, not through a symbolic link, as a place to open
// files in. That takes no permission to read it.
func OpenDir(path *byte) (fd int, e syscall.Errno) {
	const atFdcwd = unix.AT_FDCWD // below 0: a constant would not convert
	return open(atFdcwd, path, directoryFlags)
}

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

// OpenAt opens a file in a directory to read it, or -1 for an absolute path. It
// never blocks and follows no symbolic link.
func OpenAt(dir int, path *byte) (fd int, e syscall.Errno) { return open(dir, path, readFlags) }

// ReadStart reads the beginning of a file. pread(2) refuses a FIFO with ESPIPE.
// Its offset has 64 bits, and how 32-bit architectures split it between registers
// differs, but 0 is zeros in all of them.
func ReadStart(fd int, buf []byte) ([]byte, syscall.Errno) {
	return read(unix.SYS_PREAD64, fd, buf)
}

// ReadNext reads on from where the last ReadNext ended.
func ReadNext(fd int, buf []byte) ([]byte, syscall.Errno) { return read(unix.SYS_READ, fd, buf) }

func read(trap uintptr, fd int, buf []byte) ([]byte, syscall.Errno) {
	r, e := call(trap, uintptr(fd), unsafe.Pointer(unsafe.SliceData(buf)), uintptr(len(buf)), 0, nil)
	if e != 0 || r > uintptr(len(buf)) {
		return nil, e
	}
	return buf[:r], 0
}

// Close does not try again: a close that was interrupted has closed.
func Close(fd int) { syscall.RawSyscall6(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0) }

// On 32-bit architectures the system calls that package syscall knows count seconds
// in 32 bits, which end in 2038. Linux has newer ones: statx(2) since 4.11 and
// clock_gettime64 since 5.1. loong64 came later than both, and kernels before 6.11
// have no fstat there.
const (
	is32bit  = unsafe.Sizeof(uintptr(0)) == 4
	hasStatx = is32bit || runtime.GOARCH == "loong64"

	sysClockGettime64 = 403 // on all of 32 bits
	sysFstat64        = 197 // on 386 and arm; it fills in syscall.Stat_t
)

// ModTime returns a file's modification time.
func ModTime(fd int) (t Time, e syscall.Errno) {
	t, _, e = fileTimes(fd)
	return t, e
}

// ChangeTime returns the time of a file's last change of any kind, ctime.
func ChangeTime(fd int) (t Time, e syscall.Errno) {
	_, t, e = fileTimes(fd)
	return t, e
}

func fileTimes(fd int) (mod, change Time, e syscall.Errno) {
	fstat := uintptr(unix.SYS_FSTAT)
	if hasStatx {
		var st unix.Statx_t
		var noPath byte // the file is fd itself
		_, e = call(unix.SYS_STATX, uintptr(fd), unsafe.Pointer(&noPath), unix.AT_EMPTY_PATH, unix.STATX_MTIME|unix.STATX_CTIME, unsafe.Pointer(&st))
		if !isUnknown(e) {
			return Time{st.Mtime.Sec, int64(st.Mtime.Nsec)}, Time{st.Ctime.Sec, int64(st.Ctime.Nsec)}, e
		}
		if is32bit {
			fstat = sysFstat64
		}
	}
	var st syscall.Stat_t
	_, e = call(fstat, uintptr(fd), unsafe.Pointer(&st), 0, 0, nil)
	return Time{int64(st.Mtim.Sec), int64(st.Mtim.Nsec)}, Time{int64(st.Ctim.Sec), int64(st.Ctim.Nsec)}, e
}

// Now returns the wall clock's time.
func Now() (t Time, e syscall.Errno) {
	if is32bit {
		if _, e = call(sysClockGettime64, unix.CLOCK_REALTIME, unsafe.Pointer(&t), 0, 0, nil); !isUnknown(e) {
			return t, e
		}
	}
	var ts syscall.Timespec
	_, e = call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_REALTIME, unsafe.Pointer(&ts), 0, 0, nil)
	return Time{int64(ts.Sec), int64(ts.Nsec)}, e
}

// isUnknown reports whether a new system call may be unknown: to the kernel, or to a
// seccomp filter that is older than the call, as Docker's was for years on arm.
func isUnknown(e syscall.Errno) bool { return e == syscall.ENOSYS || e == syscall.EPERM }

// Kill0 is kill(pid, 0): ESRCH means that there is no such process, EPERM that there
// is one.
func Kill0(pid int32) syscall.Errno {
	_, e := call(unix.SYS_KILL, uintptr(pid), nil, 0, 0, nil)
	return e
}

// utsname is a variable because there is no heap, and a string that points into it
// is returned.
var utsname unix.Utsname

// HostName returns the nodename of uname(2).
func HostName() string {
	if _, _, e := syscall.RawSyscall6(unix.SYS_UNAME, uintptr(unsafe.Pointer(&utsname)), 0, 0, 0, 0, 0); e != 0 {
		return ""
	}
	name := utsname.Nodename[:]
	for i, c := range name {
		if c == 0 {
			return text.String(name[:i])
		}
	}
	return text.String(name)
}

// Write writes s to a descriptor as far as that works. SIGPIPE is blocked first:
// the exit status must not change because nobody reads the message.
func Write(fd int, s string) {
	const sigsetSize = 8
	set := uint64(1) << (syscall.SIGPIPE - 1)
	call(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, unsafe.Pointer(&set), 0, sigsetSize, nil)
	for len(s) > 0 {
		n, e := call(unix.SYS_WRITE, uintptr(fd), unsafe.Pointer(unsafe.StringData(s)), uintptr(len(s)), 0, nil)
		if e != 0 || n == 0 || n > uintptr(len(s)) {
			return
		}
		s = s[n:]
	}
}

// Exit ends the process.
func Exit(status int) {
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, uintptr(status), 0, 0, 0, 0, 0)
	}
}
