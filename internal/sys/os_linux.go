//go:build !healthprobe_direct

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// placeFlag opens a directory only as a place to open files in, which takes no
// permission to read it.
const placeFlag = unix.O_PATH

// fileTimes has 64 bits for seconds also where struct stat has 32, which end in 2038:
// statx(2) is of Linux 4.11. A seccomp filter that is older than the call may refuse
// it with EPERM.
func fileTimes(fd int) (mod, change Time, err error) {
	const is32bit = unsafe.Sizeof(uintptr(0)) == 4
	if !is32bit {
		return fstatTimes(fd)
	}
	var st unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MTIME|unix.STATX_CTIME, &st)
	if err == unix.ENOSYS || err == unix.EPERM {
		return fstatTimes(fd)
	}
	return Time{st.Mtime.Sec, int64(st.Mtime.Nsec)}, Time{st.Ctime.Sec, int64(st.Ctime.Nsec)}, err
}
