//go:build !(mips || mipsle || mips64 || mips64le)

package state

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
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
	if sec, nsec, e := ModTime(fd); sec != 4102444800 || nsec != 123456789 || e != 0 {
		t.Errorf("ModTime: %d, %d, %v", sec, nsec, e)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	if nsec, e := changeTime(fd); nsec != int64(st.Ctim.Nsec) || e != 0 {
		t.Errorf("changeTime: %d, %v, want %d", nsec, e, st.Ctim.Nsec)
	}
	before := time.Now()
	sec, nsec, e := Now()
	if now := time.Unix(sec, nsec); e != 0 || now.Before(before) || now.After(time.Now()) {
		t.Errorf("Now: %v, %v, want it between %v and %v", now, e, before, time.Now())
	}
}

// TestTimesOfNoFile: an error that is not one of a missing system call is reported,
// and has no time beside it.
func TestTimesOfNoFile(t *testing.T) {
	if sec, nsec, e := ModTime(-1); sec != 0 || nsec != 0 || e != syscall.EBADF {
		t.Errorf("ModTime: %d, %d, %v", sec, nsec, e)
	}
	if nsec, e := changeTime(-1); nsec != 0 || e != syscall.EBADF {
		t.Errorf("changeTime: %d, %v", nsec, e)
	}
}
