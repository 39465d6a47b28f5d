//go:build unix && (!linux || mips || mipsle || mips64 || mips64le)

package state

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The functions of sys_linux.go and time_linux.go for other systems.

// errno returns the error of a system call as its number. One that is no number
// must not look like success.
func errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok && e != 0 {
		return e
	}
	return syscall.EIO
}

func openFlags(dir int, path *byte, flags int) (fd int, e syscall.Errno) {
	for {
		fd, err := unix.Openat(dir, unix.BytePtrToString(path), flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, errno(err)
		}
	}
}

// OpenDir opens a directory, not through a symbolic link. path is
// NUL-terminated.
func OpenDir(path *byte) (fd int, e syscall.Errno) {
	return openFlags(unix.AT_FDCWD, path, dirFlag|unix.O_DIRECTORY)
}

// CanSearch reports whether files in an open directory can be reached: false if
// this user lacks execute permission for it.
func CanSearch(dir int) bool {
	return unix.Faccessat(dir, ".", unix.X_OK, 0) != unix.EACCES
}

func openAt(dir int, path *byte) (fd int, e syscall.Errno) {
	return openFlags(dir, path, unix.O_RDONLY|unix.O_NONBLOCK)
}

func readStart(fd int, buf []byte) ([]byte, syscall.Errno) {
	return readBy(func() (int, error) { return unix.Pread(fd, buf, 0) }, buf)
}

func readNext(fd int, buf []byte) ([]byte, syscall.Errno) {
	return readBy(func() (int, error) { return unix.Read(fd, buf) }, buf)
}

func readBy(read func() (int, error), buf []byte) ([]byte, syscall.Errno) {
	for {
		n, err := read()
		if err == nil {
			return buf[:n], 0
		}
		if err != unix.EINTR {
			return nil, errno(err)
		}
	}
}

// Close closes fd.
func Close(fd int) { unix.Close(fd) }

// ModTime returns a file's modification time, in seconds and nanoseconds of the
// wall clock.
func ModTime(fd int) (sec, nsec int64, e syscall.Errno) {
	var st unix.Stat_t
	e = errno(unix.Fstat(fd, &st))
	sec, nsec = st.Mtim.Unix()
	return sec, nsec, e
}

// changeTime returns the nanoseconds of a file's change time, without its
// seconds.
func changeTime(fd int) (nsec int64, e syscall.Errno) {
	var st unix.Stat_t
	e = errno(unix.Fstat(fd, &st))
	_, nsec = st.Ctim.Unix()
	return nsec, e
}

// Now returns the wall clock's time.
func Now() (sec, nsec int64, e syscall.Errno) {
	t := time.Now()
	return t.Unix(), int64(t.Nanosecond()), 0
}

// kill0 is kill(pid, 0): ESRCH means that there is no such process, EPERM
// that there is one.
func kill0(pid int32) syscall.Errno { return errno(unix.Kill(int(pid), 0)) }

// Utsname is not needed here.
type Utsname struct{}

// HostName returns the nodename of uname(2).
func HostName(*Utsname) string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Nodename[:])
}

// Write writes text to a descriptor as far as that works.
func Write(fd int, text string) {
	for len(text) > 0 {
		n, err := unix.Write(fd, []byte(text))
		if err != nil && err != unix.EINTR || n == 0 {
			return
		}
		text = text[max(n, 0):]
	}
}
