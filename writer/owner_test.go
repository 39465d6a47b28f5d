//go:build unix

package writer_test

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/healthprobe/healthprobe/writer"
)

// otherProcess starts a process for a unit to be loaded by; end ends it.
func otherProcess(t *testing.T, runDir string) (u *writer.Unit, end func()) {
	t.Helper()
	child := exec.Command("sleep", "600")
	must(t, child.Start())
	end = func() { child.Process.Kill(); child.Wait() }
	t.Cleanup(end)
	return open(t, runDir, writer.WithPid(child.Process.Pid)), end
}

// TestClearIsForTheOwner: without the lock, only the owner's set may clear the
// state.
func TestClearIsForTheOwner(t *testing.T) {
	ours := open(t, t.TempDir())
	theirs, _ := otherProcess(t, ours.RunDir())
	must(t, ours.Load(context.Background()))
	must(t, ours.Set(0))
	holdLock(t, ours)
	if err := theirs.Set(3); !errors.Is(err, writer.ErrLocked) {
		t.Errorf("%v", err)
	}
	want(t, ours, "")
}

// TestLostUnit: a process that has loaded and lost the unit is told so, even if
// the next owner has exited. After a reset it has not loaded, and is told that
// the owner is gone.
func TestLostUnit(t *testing.T) {
	for _, reset := range []bool{false, true} {
		ours := open(t, t.TempDir())
		theirs, end := otherProcess(t, ours.RunDir())
		must(t, ours.Load(context.Background()))
		if reset {
			must(t, ours.Reset())
		} else {
			must(t, open(t, ours.RunDir(), writer.WithAnyOwner()).Reset())
		}
		must(t, theirs.Load(context.Background()))
		end()
		kind := writer.ErrOwned
		if reset {
			kind = writer.ErrGone
		}
		if err := ours.Set(0); !errors.Is(err, kind) {
			t.Errorf("after a reset %v: %v, want %v", reset, err, kind)
		}
	}
}

// TestCheckThatCancels: a load whose context ends during the last check records
// nothing.
func TestCheckThatCancels(t *testing.T) {
	u := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	last := writer.Check{Name: "last", Run: func(context.Context) error { cancel(); return nil }}
	if err := u.Load(ctx, last); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	want(t, u, "not loaded: no pid in "+u.Dir())
}
