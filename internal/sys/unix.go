//go:build unix && !(linux && healthprobe_direct)

package sys

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Ending says that the process ends right after what it is doing, and may leave what it
// has open to the kernel. Then the release of a lock is the last that it does: another
// process cannot see it released and the command still running.
var Ending bool

func open(dir int, path *byte, flags int) (fd int, e syscall.Errno) {
	for {
		fd, err := unix.Openat(dir, unix.BytePtrToString(path), flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, errno(err)
		}
	}
}

// OpenDir opens a directory, not through a symbolic link, as a place to open
// files in.
func OpenDir(path *byte) (fd int, e syscall.Errno) {
	return open(unix.AT_FDCWD, path, placeFlag|unix.O_DIRECTORY)
}

// CanSearch reports whether files in an open directory can be reached: false if
// this user lacks execute permission for it.
func CanSearch(dir int) bool {
	var st unix.Stat_t
	return unix.Fstatat(dir, ".", &st, 0) != unix.EACCES
}

// OpenAt opens a file in a directory to read it, or -1 for an absolute path. It
// never blocks and follows no symbolic link.
func OpenAt(dir int, path *byte) (fd int, e syscall.Errno) {
	return open(dir, path, unix.O_RDONLY|unix.O_NONBLOCK)
}

// ReadStart reads the beginning of a file. pread(2) refuses a FIFO with ESPIPE.
func ReadStart(fd int, buf []byte) ([]byte, syscall.Errno) {
	for {
		n, err := unix.Pread(fd, buf, 0)
		if err != unix.EINTR {
			return upTo(buf, n), errno(err)
		}
	}
}

// ReadNext reads on from where the last ReadNext ended.
func ReadNext(fd int, buf []byte) ([]byte, syscall.Errno) {
	for {
		n, err := unix.Read(fd, buf)
		if err != unix.EINTR {
			return upTo(buf, n), errno(err)
		}
	}
}

// upTo returns buf[:n], and nil for an n of -1, which comes with an error.
func upTo(buf []byte, n int) []byte {
	if n < 0 {
		return nil
	}
	return buf[:n]
}

// Close does not try again: a close that was interrupted has closed.
func Close(fd int) { unix.Close(fd) }

// ModTime returns a file's modification time.
func ModTime(fd int) (t Time, e syscall.Errno) {
	t, _, err := fileTimes(fd)
	return t, errno(err)
}

// ChangeTime returns the time of a file's last change of any kind, ctime.
func ChangeTime(fd int) (t Time, e syscall.Errno) {
	_, t, err := fileTimes(fd)
	return t, errno(err)
}

func fstatTimes(fd int) (mod, change Time, err error) {
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	mod.Sec, mod.Nsec = st.Mtim.Unix()
	change.Sec, change.Nsec = st.Ctim.Unix()
	return mod, change, err
}

// Now returns the wall clock's time.
func Now() (t Time, e syscall.Errno) {
	now := time.Now()
	return Time{now.Unix(), int64(now.Nanosecond())}, 0
}

// Kill0 is kill(pid, 0): ESRCH means that there is no such process, EPERM that there
// is one.
func Kill0(pid int32) syscall.Errno { return errno(unix.Kill(int(pid), 0)) }

// HostName returns the nodename of uname(2).
func HostName() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Nodename[:])
}

// Write writes s to a descriptor as far as that works. The runtime ignores
// SIGPIPE, so nobody reading it is an error like others.
func Write(fd int, s string) {
	for len(s) > 0 {
		n, err := unix.Write(fd, []byte(s))
		if err != nil && err != unix.EINTR || n == 0 {
			return
		}
		s = s[max(n, 0):]
	}
}

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
