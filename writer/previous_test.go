//go:build unix

package writer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
)

// TestPreviousIsNotTheNextOwners: what is cleared without the lock are the files
// that were there before the owner was checked.
func TestPreviousIsNotTheNextOwners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	holder := mustLock(t, path)
	defer holder.close()
	write := func(name, text string) {
		t.Helper()
		next := filepath.Join(path, "next")
		if err := errors.Join(os.WriteFile(next, []byte(text), 0o644), os.Rename(next, filepath.Join(path, name))); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"error": "0\n", tempFile: "0\n"} {
		write(name, text)
	}
	d, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	p := d.openPrevious()
	defer p.close()
	write("error", "5\n")
	write(tempFile, "6\n")
	if err := p.clear(); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"error": "5\n", tempFile: "6\n"} {
		if b, err := os.ReadFile(filepath.Join(path, name)); string(b) != want {
			t.Errorf("%s of the next owner holds %q now (%v)", name, b, err)
		}
	}
	p = d.openPrevious()
	defer p.close()
	if err := p.clear(); err != nil {
		t.Error(err)
	}
	if held, err := d.read(state.ErrorFile, state.ErrorLimit); err != nil || held == nil || len(held) > 0 {
		t.Errorf("error holds %q (%v), want nothing", held, err)
	}
	if _, err := os.Lstat(filepath.Join(path, tempFile)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the temporary file of a stopped set is still there: its rename would bring back the old state")
	}
}

// TestPreviousInodeReused: a file system may give the inode of a file that is gone
// to the next one. That it is another file shows in its change time, which chmod
// moves on here.
func TestPreviousInodeReused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	holder := mustLock(t, path)
	defer holder.close()
	d, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for name, second := range map[string]string{"error": "second", tempFile: "other"} { // with a second name it cannot be emptied
		file := filepath.Join(path, name)
		if err := errors.Join(os.WriteFile(file, []byte("0\n"), 0o644), os.Link(file, filepath.Join(path, second))); err != nil {
			t.Fatal(err)
		}
	}
	p := d.openPrevious()
	defer p.close()
	for name, was := range map[string]seen{"error": p.error, tempFile: p.temp} {
		for now := was; now.st.Ctim == was.st.Ctim; now = d.see(name) { // the clock for files moves on every 1 to 10 ms
			if err := os.Chmod(filepath.Join(path, name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.clear(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"error", tempFile} {
		if _, err := os.Lstat(filepath.Join(path, name)); err != nil {
			t.Error("the next owner's file was removed: ", err)
		}
	}
}
