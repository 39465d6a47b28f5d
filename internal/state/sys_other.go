//go:build !unix

package state

import (
	"os"
	"syscall"
	"time"
)

// A system that is not Unix has no process to ask about by a pid file: every call
// fails, so every unit is unhealthy there. This is for programs that import
// package writer and are also built for such a system.

// OpenDir fails.
func OpenDir(*byte) (fd int, e syscall.Errno) { return -1, syscall.ENOSYS }

// CanSearch reports true: OpenDir has given the reason.
func CanSearch(int) bool { return true }

func openAt(int, *byte) (fd int, e syscall.Errno) { return -1, syscall.ENOSYS }

func readStart(int, []byte) ([]byte, syscall.Errno) { return nil, syscall.ENOSYS }

func readNext(int, []byte) ([]byte, syscall.Errno) { return nil, syscall.ENOSYS }

// Close has nothing to close.
func Close(int) {}

// ModTime fails.
func ModTime(int) (sec, nsec int64, e syscall.Errno) { return 0, 0, syscall.ENOSYS }

func changeTime(int) (nsec int64, e syscall.Errno) { return 0, syscall.ENOSYS }

// Now returns the wall clock's time.
func Now() (sec, nsec int64, e syscall.Errno) {
	t := time.Now()
	return t.Unix(), int64(t.Nanosecond()), 0
}

func kill0(int32) syscall.Errno { return syscall.ENOSYS }

// Utsname is not needed here.
type Utsname struct{}

// HostName returns the host's name.
func HostName(*Utsname) string {
	name, _ := os.Hostname()
	return name
}

// Write writes text to standard output, or to standard error.
func Write(fd int, text string) {
	if fd == 1 {
		os.Stdout.WriteString(text)
	} else {
		os.Stderr.WriteString(text)
	}
}
