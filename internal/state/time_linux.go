//go:build !(mips || mipsle || mips64 || mips64le)

package state

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The times that the heartbeat compares. On 32-bit architectures the system calls
// that package syscall knows count seconds in 32 bits, which end in 2038. Linux has
// newer ones: statx(2) since 4.11 and clock_gettime64 since 5.1. loong64 came later
// than both, and kernels before 6.11 have no fstat there.
const (
	is32bit  = unsafe.Sizeof(uintptr(0)) == 4
	hasStatx = is32bit || runtime.GOARCH == "loong64"

	sysClockGettime64 = 403 // on all of 32 bits
	sysFstat64        = 197 // on 386 and arm; it fills in syscall.Stat_t
)

// ModTime returns a file's modification time, in seconds and nanoseconds of the
// wall clock.
func ModTime(fd int) (sec, nsec int64, e syscall.Errno) {
	mod, _, e := fileTimes(fd)
	return mod.sec, mod.nsec, e
}

// changeTime returns the nanoseconds of a file's change time, without its
// seconds.
func changeTime(fd int) (nsec int64, e syscall.Errno) {
	_, change, e := fileTimes(fd)
	return change.nsec, e
}

// Now returns the wall clock's time.
func Now() (sec, nsec int64, e syscall.Errno) {
	t, e := clock()
	return t.sec, t.nsec, e
}

// instant is also the kernel's struct __kernel_timespec, which is the same on all
// architectures.
type instant struct{ sec, nsec int64 }

func clock() (t instant, e syscall.Errno) {
	if is32bit {
		if _, e = call(sysClockGettime64, clockRealtime, unsafe.Pointer(&t), 0, 0, nil); !isUnknown(e) {
			return t, e
		}
	}
	var ts syscall.Timespec
	_, e = call(syscall.SYS_CLOCK_GETTIME, clockRealtime, unsafe.Pointer(&ts), 0, 0, nil)
	return instant{int64(ts.Sec), int64(ts.Nsec)}, e
}

func fileTimes(fd int) (mod, change instant, e syscall.Errno) {
	fstat := uintptr(unix.SYS_FSTAT)
	if hasStatx {
		var st unix.Statx_t
		var noPath byte // the file is fd itself
		_, e = call(unix.SYS_STATX, uintptr(fd), unsafe.Pointer(&noPath), unix.AT_EMPTY_PATH, unix.STATX_MTIME|unix.STATX_CTIME, unsafe.Pointer(&st))
		if !isUnknown(e) {
			return instant{st.Mtime.Sec, int64(st.Mtime.Nsec)}, instant{st.Ctime.Sec, int64(st.Ctime.Nsec)}, e
		}
		if is32bit {
			fstat = sysFstat64
		}
	}
	var st syscall.Stat_t
	_, e = call(fstat, uintptr(fd), unsafe.Pointer(&st), 0, 0, nil)
	return instant{int64(st.Mtim.Sec), int64(st.Mtim.Nsec)}, instant{int64(st.Ctim.Sec), int64(st.Ctim.Nsec)}, e
}

// isUnknown reports whether a new system call may be unknown: to the kernel, or to a
// seccomp filter that is older than the call, as Docker's was for years on arm.
func isUnknown(e syscall.Errno) bool { return e == syscall.ENOSYS || e == syscall.EPERM }
