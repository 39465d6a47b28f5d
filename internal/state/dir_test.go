package state

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	if _, err := Lock(path, false); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("locking what is not there: %v", err)
	}
	d, err := Lock(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path, true); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("the second lock: %v", err)
	}
	d.Close()
	if d, err = Lock(path, false); err != nil {
		t.Fatal(err)
	}
	d.Close()
}

// TestLockOfRemovedDirectory: a lock on a directory that was removed and made
// again while one waited keeps nobody out, so it must not be taken for one.
func TestLockOfRemovedDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	old, err := Lock(path, true)
	if err != nil {
		t.Fatal(err)
	}
	locked := make(chan *Dir)
	go func() {
		d, err := Lock(path, false)
		if err != nil {
			t.Error(err)
		}
		locked <- d
	}()
	time.Sleep(50 * time.Millisecond) // it waits by now; if not, it has less to get wrong
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	old.Close()
	d := <-locked
	if d == nil {
		return
	}
	defer d.Close()
	if err := d.Replace(ErrorFile, []byte("0")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, ErrorFile)); err != nil {
		t.Error("the lock was that of the removed directory:", err)
	}
}

func TestModes(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	path := filepath.Join(t.TempDir(), "web")
	d, err := Lock(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Replace(PidFile, []byte("1")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o755, filepath.Join(path, PidFile): 0o644} {
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
	d, err := Lock(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, name := range []string{tempFile, ErrorFile} {
		if err := os.Symlink(victim, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Replace(ErrorFile, []byte("0")); err != nil {
		t.Fatal(err)
	}
	if v, err := d.Read(ErrorFile, ErrorLimit); err != nil || string(v) != "0" {
		t.Errorf("%q %v", v, err)
	}
	if _, err := os.Lstat(victim); err == nil {
		t.Error("a symbolic link was followed")
	}
	if err := d.Withdraw(); err != nil {
		t.Fatal(err)
	}
	if v, err := d.Read(ErrorFile, ErrorLimit); err != nil || v == nil || len(v) != 0 {
		t.Errorf("withdrawn: %q %v", v, err)
	}
}
