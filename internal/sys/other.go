//go:build !unix

package sys

import (
	"os"
	"syscall"
	"time"
)

// A system that is not Unix has no process to ask about by a pid file: every call
// fails, so every unit is unhealthy there.

// OpenDir fails.
func OpenDir(*byte) (fd int, e syscall.Errno) { return -1, syscall.ENOSYS }

// CanSearch reports true: OpenDir has given the reason.
func CanSearch(int) bool { return true }

// OpenAt fails.
func OpenAt(int, *byte) (fd int, e syscall.Errno) { return -1, syscall.ENOSYS }

// ReadStart fails.
func ReadStart(int, []byte) ([]byte, syscall.Errno) { return nil, syscall.ENOSYS }

// ReadNext fails.
func ReadNext(int, []byte) ([]byte, syscall.Errno) { return nil, syscall.ENOSYS }

// Close has nothing to close.
func Close(int) {}

// ModTime fails.
func ModTime(int) (t Time, e syscall.Errno) { return t, syscall.ENOSYS }

// ChangeTime fails.
func ChangeTime(int) (t Time, e syscall.Errno) { return t, syscall.ENOSYS }

// Now returns the wall clock's time.
func Now() (t Time, e syscall.Errno) {
	now := time.Now()
	return Time{now.Unix(), int64(now.Nanosecond())}, 0
}

// Kill0 fails.
func Kill0(int32) syscall.Errno { return syscall.ENOSYS }

// HostName returns the host's name.
func HostName() string {
	name, _ := os.Hostname()
	return name
}
