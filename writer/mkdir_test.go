//go:build unix

package writer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode()
}

// TestRunDirIsMade: load makes the run directory and its parents, each 0755
// whatever the umask, also where another load was killed between two of its calls.
func TestRunDirIsMade(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	for name, before := range map[string]func(base string) error{
		"nothing there":           func(string) error { return nil },
		"killed after a mkdir":    func(base string) error { return makeDirectory(base + "/a") },
		"killed after the last":   func(base string) error { return errors.Join(makeRunDir(base+"/a"), makeDirectory(base+"/a/b")) },
		"killed before the unit":  func(base string) error { return makeRunDir(base + "/a/b") },
		"another load is as fast": func(base string) error { return errors.Join(makeRunDir(base+"/a/b"), makeDirectory(base+"/a/b/web")) },
	} {
		base := t.TempDir()
		if err := before(base); err != nil {
			t.Fatal(name, err)
		}
		u, err := Open(WithRunDir(base+"//a/b/"), WithName("web"))
		if err == nil {
			err = u.Load(t.Context())
		}
		if err != nil {
			t.Fatal(name, err)
		}
		for _, dir := range []string{"a", "a/b", "a/b/web"} {
			if m := mode(t, filepath.Join(base, dir)); m != os.ModeDir|0o755 {
				t.Errorf("%s: %s has mode %v", name, dir, m)
			}
		}
	}
}

// TestRunDirOfOthers: what exists keeps its mode, even if it looks like a
// directory that a load has not finished.
func TestRunDirOfOthers(t *testing.T) {
	for name, m := range map[string]os.FileMode{"shared": os.ModeSticky | 0o777, "private": os.ModeSticky | 0o700, "plain": 0o700} {
		base := filepath.Join(t.TempDir(), "base")
		if err := errors.Join(os.MkdirAll(base+"/theirs", 0o700), os.Chmod(base, m)); err != nil {
			t.Fatal(err)
		}
		if err := makeRunDir(base + "/run"); err != nil {
			t.Error(name, err)
		}
		if err := makeRunDir(base); err != nil {
			t.Error(name, err)
		}
		if got := mode(t, base); got != os.ModeDir|m {
			t.Errorf("%s: mode %v became %v", name, os.ModeDir|m, got)
		}
	}
}

// TestRunDirCannotBeMade: a link that leads nowhere and a file in the way are
// errors at once.
func TestRunDirCannotBeMade(t *testing.T) {
	base := t.TempDir()
	if err := errors.Join(os.Symlink("nowhere", base+"/link"), os.WriteFile(base+"/file", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for runDir, want := range map[string]string{
		base + "/link":      ": no such file or directory: the run directory " + base + "/link does not exist, and load cannot make it: make it",
		base + "/link/a":    ": no such file or directory: the run directory " + base + "/link/a does not exist, and load cannot make it: make it",
		base + "/file/a":    ": not a directory: the run directory " + base + "/file/a is not a directory: set LIVENESS_RUNDIR to one",
		"/proc/no-such/run": ": no such file or directory: the run directory /proc/no-such/run does not exist, and load cannot make it: make it",
	} {
		u, err := Open(WithRunDir(runDir), WithName("web"))
		if err == nil {
			err = u.Load(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestParent(t *testing.T) {
	for path, want := range map[string]string{"/a/b": "/a", "/a//b/": "/a", "/a": "/", "//a": "/", "/": "/", "/a/../b": "/a/.."} {
		if got := parent(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
