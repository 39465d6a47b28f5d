package writer_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The writer beside what a careless one would do. Set and Beat also take the
// lock and make sure that the unit is still ours.
func BenchmarkWriter(b *testing.B) {
	u := open(b, b.TempDir())
	must(b, u.Load(context.Background()))
	must(b, u.Set(0))
	bare := filepath.Join(b.TempDir(), "error")
	temp := bare + ".tmp"
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"Set", func() error { return u.Set(0) }},
		{"SetReason", func() error { return u.SetReason(3, "upstream db unreachable") }},
		{"Beat", u.Beat},
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
