//go:build unix && !(linux && healthprobe_direct)

package sys

import (
	"errors"
	"syscall"
	"testing"
)

// TestErrno: an error that is no number must not look like success.
func TestErrno(t *testing.T) {
	for err, want := range map[error]syscall.Errno{
		nil: 0, syscall.ENOENT: syscall.ENOENT, errors.New("odd"): syscall.EIO, syscall.Errno(0): syscall.EIO,
	} {
		if got := errno(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
