//go:build unix

package writer

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The writer beside what a careless one would do. Set and a Beat that is not
// answered from memory also take the lock and make sure that the unit is still
// ours. Run it with TMPDIR on a tmpfs, where state is kept.
func BenchmarkWriter(b *testing.B) {
	u, err := Open(WithRunDir(b.TempDir()), WithName("web"))
	if err == nil {
		err = errors.Join(u.Load(b.Context()), u.Set(0))
	}
	if err != nil {
		b.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // a process that has just loaded reads more
	bare := filepath.Join(b.TempDir(), "error")
	temp := bare + ".tmp"
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"Ready", u.Ready},
		{"Set", func() error { return u.Set(0) }},
		{"SetReason", func() error { return u.SetReason(3, "upstream db unreachable") }},
		{"Beat", u.Beat},
		{"Beat_uncached", func() error {
			u.endWindow()
			return u.Beat()
		}},
		{"WriteFile", func() error { return os.WriteFile(bare, []byte("0\n"), 0o644) }},
		{"Chtimes", func() error { return os.Chtimes(bare, time.Time{}, time.Now()) }},
		{"open_write_close_rename", func() error {
			fd, err := syscall.Open(temp, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC, 0o644)
			if err != nil {
				return err
			}
			syscall.Write(fd, []byte("0\n"))
			syscall.Close(fd)
			return syscall.Rename(temp, bare)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
