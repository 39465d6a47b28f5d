//go:build unix

package writer_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/report"
	"github.com/healthprobe/healthprobe/writer"
)

// reporter is a unit of this process, and what its reporter has written.
type reporter struct {
	*writer.Unit
	t   *testing.T
	own report.Own
}

func newReporter(t *testing.T) *reporter {
	t.Helper()
	r := &reporter{Unit: open(t, t.TempDir(), writer.WithPid(os.Getpid())), t: t}
	must(t, r.Load(context.Background()))
	return r
}

func (r *reporter) record(code int, reason string, heartbeat bool) error {
	return report.Record(r.Unit, report.Report{Code: code, Reason: reason, Heartbeat: heartbeat}, &r.own)
}

// mustRecord records with a heartbeat.
func (r *reporter) mustRecord(code int, reason string) {
	r.t.Helper()
	must(r.t, r.record(code, reason, true))
}

// somebody is another program that sets.
func (r *reporter) somebody() *writer.Unit {
	return open(r.t, r.RunDir(), writer.WithAnyOwner())
}

// block lets no file be written, like a full disk.
func (r *reporter) block() {
	must(r.t, os.MkdirAll(filepath.Join(r.Dir(), ".tmp", "full"), 0o755))
}

func (r *reporter) unblock() { must(r.t, os.RemoveAll(filepath.Join(r.Dir(), ".tmp"))) }

// held returns what a file of the unit holds, or "absent".
func (r *reporter) held(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.Dir(), name))
	if errors.Is(err, os.ErrNotExist) {
		return "absent"
	}
	must(r.t, err)
	return strings.TrimSuffix(string(b), "\n")
}

// heartbeat returns the time of the last heartbeat.
func (r *reporter) heartbeat() time.Time {
	r.t.Helper()
	st, err := os.Stat(filepath.Join(r.Dir(), "error"))
	must(r.t, err)
	return st.ModTime()
}

// TestReport has the rule whose word counts: what stands, a report, and what stands then.
func TestReport(t *testing.T) {
	const kept = "kept" // content or reason stay as they are
	type outcome struct{ code, reason string }
	both := func(o outcome) [2]outcome { return [2]outcome{o, o} }
	zero, nine := outcome{"0", "absent"}, outcome{"4", "4 why"}
	stands := both(outcome{kept, kept})
	for name, c := range map[string]struct {
		before func(r *reporter)
		after  [2]outcome // of a report of ready, and one of not ready: code 4, why
	}{
		"not set":                  {func(*reporter) {}, [2]outcome{zero, nine}},
		"its own code":             {func(r *reporter) { r.mustRecord(3, "own") }, [2]outcome{zero, nine}},
		"its own 0":                {func(r *reporter) { r.mustRecord(0, "") }, [2]outcome{zero, nine}},
		"its own, after its own 0": {func(r *reporter) { r.mustRecord(0, ""); r.mustRecord(3, "own") }, [2]outcome{zero, nine}},
		"somebody's 0":             {func(r *reporter) { must(r.t, r.somebody().SetReason(0, "them")) }, [2]outcome{{kept, kept}, nine}},
		"somebody's 0 over its own code": {func(r *reporter) {
			r.mustRecord(3, "own")
			must(r.t, r.somebody().Set(0))
		}, [2]outcome{{kept, kept}, nine}},
		"somebody's code": {func(r *reporter) { must(r.t, r.somebody().SetReason(9, "draining")) }, stands},
		"somebody's code over its own 0": {func(r *reporter) {
			r.mustRecord(0, "")
			must(r.t, r.somebody().SetReason(9, "draining"))
		}, stands},
		"somebody's code, the same as its own": {func(r *reporter) {
			r.mustRecord(3, "own")
			must(r.t, r.somebody().SetReason(3, "draining"))
		}, stands},
		"its own, and a beat of somebody": {func(r *reporter) {
			r.mustRecord(3, "own")
			must(r.t, r.somebody().Beat())
		}, [2]outcome{zero, nine}},
		"somebody's code that could not be recorded": {func(r *reporter) {
			r.mustRecord(0, "")
			r.block()
			if err := r.somebody().Set(9); err == nil {
				r.t.Error("it could be")
			}
			r.unblock()
		}, stands},
		"its own code that could not be recorded": {func(r *reporter) {
			r.mustRecord(0, "")
			r.block()
			if err := r.record(3, "own", true); err == nil || r.held("error") != "" {
				r.t.Errorf("%v, and there is %q", err, r.held("error"))
			}
			r.unblock()
		}, [2]outcome{zero, nine}},
		"somebody's code that could not be recorded, as its own before": {func(r *reporter) {
			r.mustRecord(0, "")
			r.block()
			if err := r.record(3, "own", true); err == nil {
				r.t.Error("it could be")
			}
			time.Sleep(20 * time.Millisecond) // the clock of a file system goes by ticks
			if err := r.somebody().Set(9); err == nil {
				r.t.Error("it could be")
			}
			r.unblock()
		}, stands},
		"its own code, after one that could not be recorded": {func(r *reporter) {
			r.mustRecord(0, "")
			r.block()
			if err := r.record(3, "own", true); err == nil {
				r.t.Error("it could be")
			}
			r.unblock()
			r.mustRecord(3, "own")
			if now := r.held("error"); now != "3" {
				r.t.Errorf("%q", now)
			}
		}, [2]outcome{zero, nine}},
		"what is no code": {func(r *reporter) {
			must(r.t, os.WriteFile(filepath.Join(r.Dir(), "error"), []byte("x\n"), 0o644))
		}, stands},
		"a code, and more": {func(r *reporter) {
			must(r.t, os.WriteFile(filepath.Join(r.Dir(), "error"), []byte("0 0\n"), 0o644))
		}, stands},
	} {
		for i, code := range []int{0, 4} {
			for _, heartbeat := range []bool{true, false} {
				given := []string{"ready", "not ready"}[i]
				if !heartbeat {
					given += " without a heartbeat"
				}
				t.Run(name+"/"+given, func(t *testing.T) {
					r := newReporter(t)
					c.before(r)
					past := time.Unix(0, 0) // what is not set has none
					path := filepath.Join(r.Dir(), "error")
					switch info, err := os.Stat(path); {
					case err == nil && info.Size() == 0: // to change its times would be to change the file
						past = info.ModTime()
						time.Sleep(20 * time.Millisecond) // the clock of a file system goes by ticks
					case err == nil:
						past = time.Now().Add(-time.Hour).Truncate(time.Second)
						must(t, os.Chtimes(path, past, past))
					}
					want := c.after[i]
					if want.code == kept {
						want = outcome{r.held("error"), r.held("reason")}
					}
					reason := ""
					if code != 0 {
						reason = "why"
					}
					for again := range 2 { // a second one says the same
						if err := r.record(code, reason, heartbeat && again == 0); err != nil {
							t.Fatal(err)
						}
						if got := (outcome{r.held("error"), r.held("reason")}); got != want {
							t.Errorf("%q, want %q", got, want)
						}
						if got := r.heartbeat(); got.Equal(past) == heartbeat {
							t.Errorf("the last heartbeat is from %v, and was from %v", got, past)
						}
					}
				})
			}
		}
	}
}

// TestReportOnFullDisk: what cannot be recorded leaves no "healthy" that is no longer
// true, and none that it cannot vouch for; once there is room, the next report counts.
func TestReportOnFullDisk(t *testing.T) {
	r := newReporter(t)
	r.block()
	for _, code := range []int{0, 4} {
		if err := r.record(code, "", true); err == nil || r.held("error") != "absent" {
			t.Errorf("%d: %v, and there is %q", code, err, r.held("error"))
		}
	}
	r.unblock()
	r.mustRecord(4, "why")
	r.block()
	if err := r.record(0, "", true); err == nil || r.held("error") != "4" { // the old code is nearer to the truth than none
		t.Errorf("%v, and there is %q", err, r.held("error"))
	}
	r.unblock()
	r.mustRecord(0, "")
	want(t, r.Unit, "")
	r.block()
	if err := r.record(0, "", true); err != nil { // a heartbeat needs no room
		t.Error(err)
	}
	r.unblock()
}

// TestReportOfLockedUnit: while another process holds the lock, a report of not ready takes
// away a 0, and no more; afterwards the next report counts.
func TestReportOfLockedUnit(t *testing.T) {
	for name, c := range map[string]struct {
		before func(r *reporter)
		report int
		held   string // meanwhile
		after  string // when the reporter says ready once more
	}{
		"ready over its own 0":             {func(r *reporter) { r.mustRecord(0, "") }, 0, "0", "0"},
		"ready over its own code":          {func(r *reporter) { r.mustRecord(3, "own") }, 0, "3", "0"},
		"not ready over its own 0":         {func(r *reporter) { r.mustRecord(0, "") }, 4, "", "0"},
		"not ready over its own code":      {func(r *reporter) { r.mustRecord(3, "own") }, 4, "", "0"},
		"not ready over somebody's 0":      {func(r *reporter) { must(r.t, r.somebody().Set(0)) }, 4, "", "0"},
		"not ready over somebody's code":   {func(r *reporter) { must(r.t, r.somebody().Set(9)) }, 4, "9", "9"},
		"not ready where nothing has been": {func(*reporter) {}, 4, "absent", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits 2 s for the lock
			r := newReporter(t)
			c.before(r)
			lock, err := os.OpenFile(filepath.Join(r.Dir(), ".lock"), os.O_RDWR, 0)
			must(t, err)
			must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
			if err := r.record(c.report, "", true); !errors.Is(err, writer.ErrLocked) {
				t.Errorf("%v", err)
			}
			if got := r.held("error"); got != c.held {
				t.Errorf("it holds %q, want %q", got, c.held)
			}
			must(t, lock.Close())
			if c.report != 0 { // it tries again
				r.mustRecord(c.report, "")
				if got := r.held("error"); got == "0" || got == "absent" {
					t.Errorf("then it holds %q", got)
				}
			}
			r.mustRecord(0, "")
			if got := r.held("error"); got != c.after {
				t.Errorf("when it is ready again it holds %q, want %q", got, c.after)
			}
		})
	}
}

// TestReportOfOthersUnit: a unit that is another process's, or nobody's, is left alone.
func TestReportOfOthersUnit(t *testing.T) {
	fails := func(r *reporter, want error) {
		t.Helper()
		before := r.held("error")
		for _, code := range []int{0, 4} {
			if err := r.record(code, "why", true); !errors.Is(err, want) {
				t.Errorf("code %d: %v, want %v", code, err, want)
			}
		}
		if now := r.held("error"); now != before {
			t.Errorf("%v: %q, and it was %q", want, now, before)
		}
	}
	r := newReporter(t)
	r.mustRecord(0, "")
	other := &reporter{Unit: open(t, r.RunDir(), writer.WithPid(os.Getppid())), t: t}
	fails(other, writer.ErrOwned)
	must(t, r.Reset())
	fails(r, writer.ErrNotLoaded)

	child := exec.Command("sleep", "600")
	must(t, child.Start())
	gone := &reporter{Unit: open(t, t.TempDir(), writer.WithPid(child.Process.Pid)), t: t}
	must(t, gone.Load(context.Background()))
	gone.mustRecord(0, "")
	child.Process.Kill()
	child.Wait()
	fails(gone, writer.ErrGone)
}

// TestReportOfReusedInode: a file system may give the inode of a file to the next but one.
func TestReportOfReusedInode(t *testing.T) {
	r := newReporter(t)
	r.mustRecord(3, "")
	must(t, r.somebody().Set(9))
	must(t, r.somebody().Set(3))
	r.mustRecord(0, "")
	if held := r.held("error"); held != "3" {
		t.Errorf("somebody has set 3, and it holds %q", held)
	}
}
