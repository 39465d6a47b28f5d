package text

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestErrno: each error of a system call that all architectures know has the text of
// package syscall, apart from three that say what the file is, and none allocates:
// syscall has no text for some numbers, and makes one.
func TestErrno(t *testing.T) {
	for e := syscall.Errno(0); e < 200; e++ {
		want := e.Error()
		switch {
		case e == syscall.ELOOP:
			want = "is a symbolic link"
		case e == syscall.ESPIPE, e == syscall.ENXIO:
			want = "is not a regular file"
		case e >= 132:
			want = fmt.Sprint("errno ", int(e))
		}
		var l Line
		testenv.CheckAllocations(t, 1, func() {
			l = Line{}
			l.Errno(e)
		})
		if l.String() != want {
			t.Errorf("%d: %q, want %q", int(e), l.String(), want)
		}
	}
}
