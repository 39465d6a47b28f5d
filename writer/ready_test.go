//go:build unix

package writer_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/healthprobe/healthprobe/writer"
)

// wantUnhealthy checks the answer of Ready or Live: cause "" is healthy.
func wantUnhealthy(t *testing.T, err error, cause, line string) {
	t.Helper()
	if cause == "" {
		if err != nil {
			t.Errorf("got %v, want healthy", err)
		}
		return
	}
	var got *writer.Unhealthy
	if !errors.As(err, &got) || got.Cause != cause || got.Line != line || err.Error() != line {
		t.Errorf("got %#v, want cause %q and line %q", err, cause, line)
	}
}

// TestReady: Ready and Live give the probe's own answers all through a unit's life.
func TestReady(t *testing.T) {
	u := open(t, t.TempDir())
	both := func(readyCause, readyLine, liveCause, liveLine string) {
		t.Helper()
		wantUnhealthy(t, u.Ready(), readyCause, readyLine)
		wantUnhealthy(t, u.Live(), liveCause, liveLine)
	}
	none := "unhealthy: web: not loaded: no directory " + u.Dir()
	both("no-directory", none, "no-directory", none)
	must(t, u.Load(context.Background()))
	both("not-set", "unhealthy: web: not ready: loaded, but not set to 0 yet", "", "")
	must(t, u.Set(0))
	both("", "", "", "")
	must(t, u.SetReason(3, "db\nunreachable"))
	both("error", "unhealthy: web: error 3: db unreachable", "", "")
	must(t, u.Reset())
	none = "unhealthy: web: not loaded: no pid in " + u.Dir()
	both("not-loaded", none, "not-loaded", none)
}

// TestReadyIsAboutThisUnit: that another process is healthy does not make this one so.
func TestReadyIsAboutThisUnit(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command("sleep", "600")
	must(t, child.Start())
	defer child.Wait()
	defer child.Process.Kill()
	theirs, ours, tool := open(t, dir, writer.WithPid(child.Process.Pid)), open(t, dir), open(t, dir, writer.WithAnyOwner())
	must(t, theirs.Load(context.Background()))
	for _, code := range []int{0, 3} {
		must(t, theirs.Set(code))
		for op, call := range map[string]func() error{"ready": ours.Ready, "live": ours.Live} {
			err := call()
			text := op + " web: the unit was loaded by pid " + strconv.Itoa(child.Process.Pid) + ", not by pid " + strconv.Itoa(os.Getpid()) + ": give each process its own unit name"
			if !errors.Is(err, writer.ErrOwned) || err.Error() != text {
				t.Errorf("code %d: %v, want %q", code, err, text)
			}
		}
	}
	for _, u := range []*writer.Unit{theirs, tool} {
		wantUnhealthy(t, u.Ready(), "error", "unhealthy: web: error 3")
		wantUnhealthy(t, u.Live(), "", "")
	}
	child.Process.Kill()
	child.Wait() // now nobody has it
	gone := "unhealthy: web: pid " + strconv.Itoa(child.Process.Pid) + " is not running in this pid namespace"
	wantUnhealthy(t, ours.Ready(), "gone", gone)
	must(t, ours.Load(context.Background()))
	must(t, ours.Set(0))
	wantUnhealthy(t, ours.Ready(), "", "")
	if err := theirs.Ready(); !errors.Is(err, writer.ErrOwned) {
		t.Errorf("of the one who lost the unit: %v", err)
	}
}

// TestReadyForeign: in a directory without identity the rule is that of Set: who has
// not loaded takes the pid that another program wrote for its own.
func TestReadyForeign(t *testing.T) {
	dir := t.TempDir()
	u := open(t, dir)
	must(t, os.Mkdir(u.Dir(), 0o755))
	write := func(name, text string) { must(t, os.WriteFile(filepath.Join(u.Dir(), name), []byte(text), 0o644)) }
	write("pid", strconv.Itoa(os.Getppid()))
	write("error", "0")
	wantUnhealthy(t, u.Ready(), "", "")
	if err := open(t, dir, writer.WithPid(os.Getpid())).Ready(); !errors.Is(err, writer.ErrOwned) {
		t.Errorf("another program has loaded the unit: %v", err)
	}
}

// TestNilUnit: an application that could not open its unit needs no guards, and
// nobody takes it for healthy.
func TestNilUnit(t *testing.T) {
	var u *writer.Unit
	ran := 0
	must(t, u.Load(context.Background(), writer.Check{Name: "a", Run: func(context.Context) error { ran++; return nil }}))
	err := u.Load(context.Background(), writer.Check{Name: "b", Run: func(context.Context) error { ran++; return writer.ErrUnhealthy }})
	if !errors.Is(err, writer.ErrUnhealthy) || err.Error() != "load: check b: not healthy" || ran != 2 {
		t.Errorf("%v after %d checks", err, ran)
	}
	for name, err := range map[string]error{"set 0": u.Set(0), "set 3": u.SetReason(3, "db"), "set -1": u.Set(-1), "beat": u.Beat(), "reset": u.Reset()} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if u.Name() != "" || u.RunDir() != "" || u.Dir() != "" {
		t.Errorf("%q %q %q", u.Name(), u.RunDir(), u.Dir())
	}
	const line = "unhealthy: not loaded: the application runs without its unit (the *writer.Unit is nil)"
	wantUnhealthy(t, u.Ready(), "not-loaded", line)
	wantUnhealthy(t, u.Live(), "not-loaded", line)
}

// TestZeroUnit: one that Open did not make names no directory, and says so at once.
func TestZeroUnit(t *testing.T) {
	u := new(writer.Unit)
	for op, call := range map[string]func() error{
		"load": func() error { return u.Load(context.Background()) }, "set": func() error { return u.Set(3) },
		"beat": u.Beat, "reset": u.Reset, "ready": u.Ready, "live": u.Live,
	} {
		if err := call(); err == nil || err.Error() != op+": this Unit was not opened: use the one that writer.Open returns" {
			t.Errorf("%s: %v", op, err)
		}
	}
	if u.Dir() != "" {
		t.Errorf("its directory is %q", u.Dir())
	}
}
