//go:build linux

package writer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/writer"
)

// TestNoDescriptorLeft: an error code takes the 0 away however few descriptors are
// left, and leaves the files of the next owner alone.
func TestNoDescriptorLeft(t *testing.T) {
	if !apart(t) {
		return
	}
	for name, options := range map[string][]writer.Option{"this process": nil, "another one": {writer.WithPid(os.Getppid())}} {
		for left := range 5 {
			t.Run(fmt.Sprintf("%s, %d left", name, left), func(t *testing.T) {
				u := open(t, t.TempDir(), options...)
				must(t, u.Load(context.Background()))
				must(t, u.Set(0))
				free := exhaust(t, left)
				beat, zero, err := u.Beat(), u.Set(0), u.Set(3)
				free()
				if left == 0 && (zero == nil || beat != nil) { // which is answered from memory
					t.Errorf("set 0: %v, beat: %v", zero, beat)
				}
				if left == 0 && (!errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "error does not exist now: unhealthy")) {
					t.Errorf("set 3: %v", err)
				}
				if now := probe(u); now == "" || err == nil && now != "error 3" {
					t.Errorf("after set 3 (%v) the probe says %q", err, now)
				}
				must(t, u.Set(0))
				want(t, u, "")
			})
		}
	}
	u := open(t, t.TempDir())
	must(t, u.Load(context.Background()))
	must(t, u.Set(0))
	pid := filepath.Join(u.Dir(), "pid")
	content, err := os.ReadFile(pid)
	must(t, errors.Join(err, os.WriteFile(pid+".new", content, 0o644), os.Rename(pid+".new", pid))) // as a load does
	free := exhaust(t, 0)
	err = u.Set(3)
	free()
	if err == nil || !strings.Contains(err.Error(), "error cannot be read now") {
		t.Errorf("of another owner: %v", err)
	}
	want(t, u, "")
}

// TestReportWithoutDescriptors: a report of not ready takes its own 0 away as well, and
// leaves somebody's code alone. Once there are descriptors, the next report counts.
func TestReportWithoutDescriptors(t *testing.T) {
	if !apart(t) {
		return
	}
	for left := range 5 {
		for _, somebodys := range []bool{false, true} {
			dir := t.TempDir()
			must(t, open(t, dir, writer.WithPid(os.Getppid())).Load(context.Background()))
			r := &reporter{Unit: open(t, dir, writer.WithPid(os.Getppid())), t: t}
			r.mustRecord(0, "")
			if somebodys {
				must(t, r.somebody().SetReason(9, "draining"))
			}
			free := exhaust(t, left)
			err := r.record(3, "", true)
			free()
			now := r.held("error")
			if somebodys && now != "9" || !somebodys && (err == nil && now != "3" || err != nil && now == "0") {
				t.Errorf("%d left, somebody's code %v: %v, and there is %q", left, somebodys, err, now)
			}
			if left == 0 && !errors.Is(err, syscall.EMFILE) {
				t.Errorf("without descriptors: %v", err)
			}
			r.mustRecord(0, "")
			if want := map[bool]string{true: "9", false: "0"}[somebodys]; r.held("error") != want {
				t.Errorf("%d left: when it is ready again there is %q, want %q", left, r.held("error"), want)
			}
		}
	}
}

// apart runs the calling test again in a process of its own, since other tests need
// descriptors, and reports whether this is that process.
func apart(t *testing.T) bool {
	t.Helper()
	const inside = "HEALTHPROBE_NO_DESCRIPTORS"
	if os.Getenv(inside) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// exhaust leaves so many descriptors, until free.
func exhaust(t *testing.T, left int) (free func()) {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	few := limit
	few.Cur = 64
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
	var open []int
	for {
		fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		open = append(open, fd)
	}
	for range left {
		syscall.Close(open[0])
		open = open[1:]
	}
	return func() {
		for _, fd := range open {
			syscall.Close(fd)
		}
		must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	}
}
