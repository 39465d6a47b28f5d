//go:build linux

package writer

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// settle waits until a change to the unit's files would get another time.
func settle() { time.Sleep(1100 * time.Millisecond) }

func stampsOf(t *testing.T, u *Unit) stamps {
	t.Helper()
	d, err := openDirectory(u.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	return d.stamps()
}

// TestFilesThatStayTheSame: once pid and identity have been the same for a while
// and name us, they are not read again; before that they always are.
func TestFilesThatStayTheSame(t *testing.T) {
	u := opened(t)
	if u.ours.Load() != nil {
		t.Error("files that have just been written need not be read again")
	}
	settle()
	if err := u.Set(0); err != nil {
		t.Fatal(err)
	}
	if ours := u.ours.Load(); ours == nil || *ours != stampsOf(t, u) {
		t.Fatalf("remembered %v", ours)
	}
	if err := os.WriteFile(filepath.Join(u.Dir(), "identity"), []byte("1 2 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	now := stampsOf(t, u) // as if it were not changed
	u.ours.Store(&now)
	if err := u.Set(0); err != nil {
		t.Errorf("the file was read: %v", err)
	}
}

// TestFilesThatChange: whatever somebody does to pid or identity is seen.
func TestFilesThatChange(t *testing.T) {
	changes := map[string]func(file string) error{
		"written in place": func(file string) error {
			content, err := os.ReadFile(file)
			content[0] ^= 1 // another number of the same length
			return errors.Join(err, os.WriteFile(file, content, 0o644))
		},
		"replaced": func(file string) error {
			return errors.Join(os.WriteFile(file+".new", []byte("1 1 1\n"), 0o644), os.Rename(file+".new", file))
		},
		"made a link": func(file string) error {
			return errors.Join(os.Rename(file, file+".old"), os.Symlink(file+".old", file))
		},
	}
	units := map[string]*Unit{}
	for change := range changes {
		for _, file := range []string{"pid", "identity"} {
			units[change+" "+file] = opened(t)
		}
	}
	settle()
	for change, apply := range changes {
		for _, file := range []string{"pid", "identity"} {
			u := units[change+" "+file]
			if err := u.Set(0); err != nil || u.ours.Load() == nil {
				t.Fatal(err, u.ours.Load())
			}
			if err := apply(filepath.Join(u.Dir(), file)); err != nil {
				t.Fatal(err)
			}
			if err := u.Set(0); !errors.Is(err, ErrNotLoaded) && !errors.Is(err, ErrOwned) {
				t.Errorf("%s %s: %v", file, change, err)
			}
		}
	}
}

// TestFileThatJustChanged: a file that was written a moment ago may be written once
// more with the same time, so it is read each time.
func TestFileThatJustChanged(t *testing.T) {
	units := map[string]*Unit{"pid": opened(t), "identity": opened(t)}
	settle()
	for name, u := range units {
		file := filepath.Join(u.Dir(), name)
		content, err := os.ReadFile(file)
		if err := errors.Join(err, os.WriteFile(file, content, 0o644), u.Set(0)); err != nil || u.ours.Load() != nil {
			t.Errorf("%s: %v, remembered %v", name, err, u.ours.Load())
		}
	}
}

// TestFilesOfOthers: whether another process still runs is looked up each time,
// and files without identity are read each time.
func TestFilesOfOthers(t *testing.T) {
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	theirs := opened(t, WithPid(child.Process.Pid))
	foreign := opened(t)
	if err := os.Remove(filepath.Join(foreign.Dir(), "identity")); err != nil {
		t.Fatal(err)
	}
	settle()
	for name, u := range map[string]*Unit{"another process": theirs, "no identity": foreign} {
		if err := u.Set(0); err != nil || u.ours.Load() != nil {
			t.Errorf("%s: %v, remembered %v", name, err, u.ours.Load())
		}
	}
	child.Process.Kill()
	child.Wait()
	if err := theirs.Set(0); !errors.Is(err, ErrGone) {
		t.Errorf("of a process that has exited: %v", err)
	}
}
