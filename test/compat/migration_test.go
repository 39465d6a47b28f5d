//go:build linux

package compat

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMoveBack goes back from healthctl to the original module. The identity that
// healthctl left has to be removed; healthprobe prints its path.
func TestMoveBack(t *testing.T) {
	f := newFixture(t)
	a := f.start(byHealthctl)
	a.mustDo("load", "set 0")
	rerun(byOriginalModule, "load", "set 0")(f, a)
	if says := f.expect("identity left", original, idealised); !strings.Contains(says[probe], "remove "+f.path("identity")) {
		t.Errorf("healthprobe does not say what to remove: %q", says[probe])
	}
	remove("identity")(f, nil)
	f.expect("identity removed", all...)
}

// TestCodes is about codes that are out of our range, 0 to 2^31-1. The modules
// record them all; healthctl records none and clears the previous state, which
// the original script does not notice: for it an empty error is healthy.
func TestCodes(t *testing.T) {
	for code, healthy := range map[string][]string{"-1": {original}, "2147483648": nil} {
		for _, w := range []writerKind{byIdealisedModule, byOriginalModule} {
			t.Run(code+" "+w.name, func(t *testing.T) {
				f := newFixture(t)
				f.start(w).mustDo("load", "set 0", "set "+code)
				says := f.expect("set", healthy...)
				if want := "error " + code; !strings.Contains(says[idealised], want) {
					t.Errorf("the script prints %q, want %q", says[idealised], want)
				}
				if !strings.Contains(says[probe], code) {
					t.Errorf("healthprobe prints %q, want %s", says[probe], code)
				}
			})
		}
		t.Run(code+" healthctl", func(t *testing.T) {
			f := newFixture(t)
			a := f.start(byHealthctl)
			a.mustDo("load", "set 0")
			if answer := a.do("set " + code); answer == "ok" {
				t.Error("set succeeds")
			}
			f.expect("refused", original)
			if held := f.read("error"); held != "" {
				t.Errorf("error holds %q", held)
			}
		})
	}
}

// TestErrorLeftOver is about a load that leaves the error of the previous run
// alone, as both modules' do: an old 0 then makes a process healthy that has not
// set anything. With the files of those modules nobody can tell; -strict at least
// rejects them. A load by healthctl removes the error.
func TestErrorLeftOver(t *testing.T) {
	for _, w := range []writerKind{byHand, byIdealisedModule, byOriginalModule} {
		t.Run(w.name, func(t *testing.T) {
			f := newFixture(t)
			a := f.start(w)
			a.mustDo("load", "set 0")
			a.kill()
			f.expect("killed")
			a = f.start(w)
			a.mustDo("load")
			f.expect("loaded, not set", all...)
			f.expectStrict("loaded, not set")
			a.kill()
			f.start(byHealthctl).mustDo("load")
			f.expect("loaded by healthctl, not set", original)
		})
	}
	t.Run("an error that is not 0", func(t *testing.T) {
		f := newFixture(t)
		a := f.start(byOriginalModule)
		a.mustDo("load", "set 3")
		a.kill()
		f.start(byOriginalModule).mustDo("load")
		f.expect("loaded, not set")
	})
}

// TestStalePid is about a pid that was reused, recorded without an identity: to
// all checkers it is the application. Only -strict rejects it.
func TestStalePid(t *testing.T) {
	f := newFixture(t)
	a := f.start(byOriginalModule)
	a.mustDo("load", "set 0")
	a.kill()
	f.expect("killed")
	holds("pid", strconv.Itoa(os.Getpid()))(f, nil)
	f.expect("the test is the process", all...)
	f.expectStrict("the test is the process")
}

// TestPrefork forks after the module was imported, as a prefork server does, and
// loads in the child. The original module records the parent: the end of the
// child goes unnoticed, and the end of the parent counts though the child serves.
func TestPrefork(t *testing.T) {
	prefork := func(t *testing.T, w writerKind) (f *fixture, parent *app, child int) {
		f = newFixture(t)
		parent = f.start(w)
		child, err := strconv.Atoi(parent.do("fork"))
		f.must(err)
		parent.mustDo("load", "set 0")
		f.expect("loaded", all...)
		return f, parent, child
	}
	recorded := func(f *fixture, want int) {
		f.t.Helper()
		if pid := strings.TrimSpace(f.read("pid")); pid != strconv.Itoa(want) {
			f.t.Errorf("pid holds %s, want %d", pid, want)
		}
	}
	killChild := func(f *fixture, child int) {
		f.t.Helper()
		f.must(syscall.Kill(child, syscall.SIGKILL))
		for syscall.Kill(child, 0) != syscall.ESRCH { // until the parent has reaped it
			time.Sleep(time.Millisecond)
		}
	}
	t.Run("original module, child killed", func(t *testing.T) {
		f, parent, child := prefork(t, byOriginalModule)
		recorded(f, parent.pid)
		killChild(f, child)
		f.expect("child killed", all...)
	})
	t.Run("original module, parent killed", func(t *testing.T) {
		f, parent, _ := prefork(t, byOriginalModule)
		parent.cmd.Process.Kill()
		parent.cmd.Process.Wait()
		f.expect("parent killed")
		parent.mustDo("set 0") // by the child, which serves
		f.expect("parent killed, set again")
	})
	t.Run("idealised module", func(t *testing.T) {
		f, _, child := prefork(t, byIdealisedModule)
		recorded(f, child)
		killChild(f, child)
		f.expect("child killed")
	})
}
