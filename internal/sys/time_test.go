//go:build unix

package sys

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTimes is about a file of the year 2100, whose seconds do not fit in 32 bits.
func TestTimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error")
	if out, err := exec.Command("touch", "-d", "2100-01-01T00:00:00.123456789Z", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	if got, e := ModTime(fd); got != (Time{4102444800, 123456789}) || e != 0 {
		t.Errorf("ModTime: %v, %v", got, e)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	var want Time
	want.Sec, want.Nsec = st.Ctim.Unix()
	if got, e := ChangeTime(fd); got != want || e != 0 {
		t.Errorf("ChangeTime: %v, %v, want %v", got, e, want)
	}
	before := time.Now()
	got, e := Now()
	if now := time.Unix(got.Sec, got.Nsec); e != 0 || now.Before(before) || now.After(time.Now()) {
		t.Errorf("Now: %v, %v, want it between %v and %v", now, e, before, time.Now())
	}
}

// TestTimesOfNoFile: an error that is not one of a missing system call is reported,
// and has no time beside it.
func TestTimesOfNoFile(t *testing.T) {
	if got, e := ModTime(-1); got != (Time{}) || e != syscall.EBADF {
		t.Errorf("ModTime: %v, %v", got, e)
	}
	if got, e := ChangeTime(-1); got != (Time{}) || e != syscall.EBADF {
		t.Errorf("ChangeTime: %v, %v", got, e)
	}
}
