package writer

import "golang.org/x/sys/unix"

// touch sets the times of an open file to now: futimens(3). Without times of
// ours the kernel requires no more than write permission; see utimensat(2).
func touch(fd, _ int, _ string) error {
	if _, _, e := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}
