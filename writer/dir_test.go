//go:build unix

package writer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
	"golang.org/x/sys/unix"
)

func TestModes(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	path := filepath.Join(t.TempDir(), "web")
	d, err := lockDirectory(path, lockOptions{create: true}, soon())
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
	d, err := lockDirectory(path, lockOptions{create: true}, soon())
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
	p := d.openPrevious()
	defer p.close()
	if err := p.clear(); err != nil {
		t.Fatal(err)
	}
	if v, err := d.read(state.ErrorFile, state.ErrorLimit); err != nil || v == nil || len(v) != 0 {
		t.Errorf("cleared: %q %v", v, err)
	}
}

// TestStateFileMode: a state file has the write bits of its directory, whatever the
// umask.
func TestStateFileMode(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	for dirMode, want := range map[os.FileMode]os.FileMode{0o755: 0o644, 0o700: 0o644, 0o775: 0o664, 0o770: 0o664, 0o777: 0o666, 0o777 | os.ModeSticky: 0o666} {
		u, err := Open(WithRunDir(t.TempDir()), WithName("web"))
		if err == nil {
			err = errors.Join(os.Mkdir(u.Dir(), 0o700), os.Chmod(u.Dir(), dirMode), u.Load(t.Context()), u.SetReason(0, "ready"))
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"pid", "error", "reason"} {
			if st, err := os.Stat(filepath.Join(u.Dir(), name)); err != nil || st.Mode() != want {
				t.Errorf("in a directory of mode %v %s has %v, want %v (%v)", dirMode, name, st.Mode(), want, err)
			}
		}
	}
}
