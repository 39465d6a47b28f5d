package writer

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
	"golang.org/x/sys/unix"
)

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	if _, err := lockDirectory(path, false); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("locking what is not there: %v", err)
	}
	d, err := lockDirectory(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDirectory(path, true); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("the second lock: %v", err)
	}
	d.close()
	if d, err = lockDirectory(path, false); err != nil {
		t.Fatal(err)
	}
	d.close()
}

// TestLockOfRemovedDirectory: the lock of a directory that was removed and made
// again excludes nobody, so it does not count. That matters to whoever has opened
// the directory just before, so two goroutines lock and one of them, while it has
// the lock, makes the directory anew.
func TestLockOfRemovedDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	withLock := func(then func(d *directory)) {
		syscall.ForkLock.RLock()
		d, err := tryLock(path)
		if err == nil {
			then(d)
			d.close()
			return
		}
		if d != nil {
			unix.Close(d.fd)
		}
		syscall.ForkLock.RUnlock()
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for made := 0; made < 200 && !t.Failed(); {
			withLock(func(*directory) {
				made++
				if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
					t.Error(err)
				}
			})
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		withLock(func(d *directory) {
			var locked, named unix.Stat_t
			if err := errors.Join(unix.Fstat(d.fd, &locked), unix.Lstat(path, &named)); err != nil {
				t.Error(err)
			} else if locked.Ino != named.Ino {
				t.Error("the lock is that of a directory that was removed")
			}
		})
	}
}

func TestModes(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	path := filepath.Join(t.TempDir(), "web")
	d, err := lockDirectory(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := d.replace(state.PidFile, []byte("1\n")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o755, filepath.Join(path, state.PidFile): 0o644} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v %v", name, st.Mode(), err)
		}
	}
}

// TestLeftovers: a temporary file or a symbolic link in the way is replaced, and
// where the link led nothing is written.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	path := filepath.Join(dir, "web")
	d, err := lockDirectory(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for _, name := range []string{tempFile, state.ErrorFile} {
		if err := os.Symlink(victim, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.replace(state.ErrorFile, []byte("0\n")); err != nil {
		t.Fatal(err)
	}
	if v, err := d.read(state.ErrorFile, state.ErrorLimit); err != nil || string(v) != "0" {
		t.Errorf("%q %v", v, err)
	}
	if _, err := os.Lstat(victim); err == nil {
		t.Error("a symbolic link was followed")
	}
	if err := d.invalidate(); err != nil {
		t.Fatal(err)
	}
	if v, err := d.read(state.ErrorFile, state.ErrorLimit); err != nil || v == nil || len(v) != 0 {
		t.Errorf("cleared: %q %v", v, err)
	}
}
