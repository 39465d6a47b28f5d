//go:build unix

package writer_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/text"
	"github.com/healthprobe/healthprobe/internal/verdict"
	"github.com/healthprobe/healthprobe/writer"
)

func open(t testing.TB, runDir string, options ...writer.Option) *writer.Unit {
	t.Helper()
	u, err := writer.Open(append([]writer.Option{writer.WithRunDir(runDir), writer.WithName("web")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// probe returns healthprobe's message: "" is healthy.
func probe(u *writer.Unit) string {
	p := verdict.Probe{RunDir: u.RunDir(), Unit: u.Name()}
	p.Run()
	var l text.Line
	p.AppendMessage(&l)
	return strings.Clone(l.String())
}

func want(t *testing.T, u *writer.Unit, line string) {
	t.Helper()
	if got := probe(u); got != line {
		t.Errorf("the probe says %q, want %q", got, line)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLifecycle(t *testing.T) {
	u := open(t, t.TempDir())
	want(t, u, "not loaded: no directory "+u.Dir())
	must(t, u.Reset())
	for name, call := range map[string]func() error{"set": func() error { return u.Set(0) }, "beat": u.Beat} {
		if err := call(); !errors.Is(err, writer.ErrNotLoaded) {
			t.Errorf("%s before load: %v", name, err)
		}
	}
	must(t, u.Load(context.Background()))
	want(t, u, "not ready: loaded, but not set to 0 yet")
	if err := u.Beat(); !errors.Is(err, writer.ErrNotSet) {
		t.Errorf("beat before set: %v", err)
	}
	must(t, u.Set(0))
	want(t, u, "")
	must(t, u.SetReason(3, "db\nunreachable"))
	want(t, u, "error 3: db unreachable")
	must(t, u.Beat())
	want(t, u, "error 3: db unreachable")
	must(t, u.Set(3))
	want(t, u, "error 3")
	must(t, u.Set(0))
	want(t, u, "")
	must(t, u.Load(context.Background())) // over again
	want(t, u, "not ready: loaded, but not set to 0 yet")
	must(t, u.Reset())
	want(t, u, "not loaded: no pid in "+u.Dir())
	if left, _ := os.ReadDir(u.Dir()); len(left) != 1 || left[0].Name() != ".lock" {
		t.Errorf("left over: %v", left)
	}
}

func TestChecks(t *testing.T) {
	u := open(t, t.TempDir())
	broken := errors.New("broken")
	var ran []string
	check := func(name string, err error) writer.Check {
		return writer.Check{Name: name, Run: func(context.Context) error { ran = append(ran, name); return err }}
	}
	for _, cause := range []error{writer.ErrUnhealthy, broken, &os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}} {
		ran = nil
		err := u.Load(context.Background(), check("a", nil), check("b", cause), check("c", nil))
		var failed *writer.CheckError
		if !errors.As(err, &failed) || failed.Name != "b" || failed.Err != cause || !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
		if text := "load web: check b: " + cause.Error(); err.Error() != text {
			t.Errorf("got %q, want %q", err, text)
		}
		if fmt.Sprint(ran) != "[a b]" {
			t.Errorf("ran %v", ran)
		}
		want(t, u, "not loaded: no pid in "+u.Dir())
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := u.Load(ctx, writer.Check{Name: "a", Run: func(context.Context) error { cancel(); return nil }}, check("b", nil))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := u.Load(context.Background(), writer.Check{Name: "empty"}); err == nil {
		t.Error("a check without a function passed")
	}
}

func TestOpen(t *testing.T) {
	beyond := int64(1 << 31) // on 32 bits this is no pid either
	for _, o := range []writer.Option{writer.WithName(""), writer.WithName("a/b"), writer.WithRunDir(""), writer.WithPid(0), writer.WithPid(int(beyond))} {
		if _, err := writer.Open(o); err == nil {
			t.Error("taken for an option")
		}
	}
	if _, err := writer.Open(writer.WithPid(1), writer.WithAnyOwner()); err == nil {
		t.Error("both for one process and for any")
	}
	if u, err := writer.Open(nil, writer.WithName("a"), nil); err != nil || u.Name() != "a" {
		t.Errorf("with an option that is nil: %v", err)
	}
	t.Setenv("LIVENESS_RUNDIR", "/somewhere")
	t.Setenv("LIVENESS_UNIT_NAME", "db")
	if u, err := writer.Open(); err != nil || u.Dir() != "/somewhere/db" {
		t.Error(u, err)
	}
	t.Setenv("LIVENESS_RUNDIR", "")
	t.Setenv("LIVENESS_UNIT_NAME", "")
	host, _ := os.Hostname()
	if u, err := writer.Open(); err != nil || u.Dir() != "/run/"+host {
		t.Error(u, err)
	}
}

// TestOwners: what one process has loaded, others cannot take while it lives.
func TestOwners(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command("sleep", "600")
	must(t, child.Start())
	end := sync.OnceFunc(func() { child.Process.Kill(); child.Wait() })
	defer end()
	theirs, ours := open(t, dir, writer.WithPid(child.Process.Pid)), open(t, dir)
	tool := open(t, dir, writer.WithAnyOwner())

	if err := tool.Load(context.Background()); err == nil {
		t.Error("a tool without a pid could load")
	}
	must(t, theirs.Load(context.Background()))
	must(t, theirs.Set(0))
	for name, call := range map[string]func() error{
		"load": func() error { return ours.Load(context.Background()) }, "set": func() error { return ours.Set(0) },
		"fail": func() error { return ours.Set(5) }, "beat": ours.Beat, "reset": ours.Reset,
	} {
		if err := call(); !errors.Is(err, writer.ErrOwned) {
			t.Errorf("%s: %v", name, err)
		}
		want(t, ours, "")
	}
	must(t, tool.Set(4))
	want(t, ours, "error 4")
	end()
	if err := tool.Set(0); !errors.Is(err, writer.ErrGone) {
		t.Errorf("set for a process that has exited: %v", err)
	}
	if err := theirs.Load(context.Background()); !errors.Is(err, writer.ErrGone) {
		t.Errorf("load of a process that has exited: %v", err)
	}
	must(t, ours.Load(context.Background()))
	if err := theirs.Set(0); !errors.Is(err, writer.ErrOwned) {
		t.Errorf("set by the one who lost the unit: %v", err)
	}
	if err := theirs.Reset(); !errors.Is(err, writer.ErrOwned) {
		t.Errorf("reset by the one who lost the unit: %v", err)
	}
	must(t, ours.Set(0))
	want(t, ours, "")
}

// TestClearsPreviousState: a code that cannot be recorded leaves no old "healthy" behind.
func TestClearsPreviousState(t *testing.T) {
	u := open(t, t.TempDir())
	must(t, u.Load(context.Background()))
	for _, code := range []int{-1, math.MinInt32} {
		must(t, u.Set(0))
		err := u.Set(code)
		if err == nil || !strings.Contains(err.Error(), "out of range") || !strings.Contains(err.Error(), "is empty now: unhealthy") {
			t.Errorf("%v", err)
		}
		want(t, u, u.Dir()+"/error is empty: the last set could not be recorded")
	}
	must(t, u.Set(0))
	holdLock(t, u)
	if err := u.Set(0); !errors.Is(err, writer.ErrLocked) {
		t.Errorf("%v", err)
	}
	want(t, u, "")
	if err := u.Set(7); !errors.Is(err, writer.ErrLocked) || !strings.Contains(err.Error(), "is empty now: unhealthy") {
		t.Errorf("%v", err)
	}
	want(t, u, u.Dir()+"/error is empty: the last set could not be recorded")
}

// holdLock holds the unit's lock until the test ends, as a stopped writer does.
func holdLock(t *testing.T, u *writer.Unit) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(u.Dir(), ".lock"), os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { lock.Close() })
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
}

// TestForeign: in a directory without identity a pid is enough, as it is for
// the program that made it.
func TestForeign(t *testing.T) {
	u := open(t, t.TempDir(), writer.WithAnyOwner())
	must(t, os.Mkdir(u.Dir(), 0o755))
	must(t, os.WriteFile(filepath.Join(u.Dir(), "pid"), fmt.Append(nil, os.Getpid()), 0o644))
	must(t, u.Set(0))
	want(t, u, "")
	must(t, os.WriteFile(filepath.Join(u.Dir(), "identity"), []byte("1 2 -"), 0o644)) // a leftover
	if err := u.Set(0); !errors.Is(err, writer.ErrNotLoaded) || !strings.Contains(err.Error(), "remove identity") {
		t.Errorf("%v", err)
	}
}

func TestConcurrent(t *testing.T) {
	u := open(t, t.TempDir())
	must(t, u.Load(context.Background()))
	must(t, u.Set(0))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 25 {
				if err := errors.Join(u.Set(0), u.Beat()); err != nil {
					t.Error(err)
				}
				if i == 0 {
					want(t, u, "")
				}
			}
		})
	}
	wg.Wait()
}
