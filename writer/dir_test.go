//go:build unix

package writer

import (
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
