//go:build unix

package writer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/writer"
)

// TestHardLink: whoever may write the unit directory can give another file the
// name of a state file, by link(2). No call may change that other file.
func TestHardLink(t *testing.T) {
	for name, call := range map[string]func(u *writer.Unit) error{
		"set of a bad code": func(u *writer.Unit) error { return u.Set(-1) },
		"beat":              func(u *writer.Unit) error { return open(t, u.RunDir()).Beat() }, // without a beat before
	} {
		t.Run(name, func(t *testing.T) {
			u := open(t, t.TempDir())
			must(t, u.Load(context.Background()))
			must(t, u.Set(0))
			victim, link := filepath.Join(t.TempDir(), "victim"), filepath.Join(u.Dir(), "error")
			past := time.Now().Add(-time.Hour).Truncate(time.Second)
			must(t, errors.Join(os.WriteFile(victim, []byte("0\n"), 0o640), os.Chtimes(victim, past, past)))
			must(t, os.Remove(link))
			if err := os.Link(victim, link); errors.Is(err, syscall.EXDEV) {
				victim = filepath.Join(u.RunDir(), "victim")
				must(t, os.WriteFile(victim, []byte("0\n"), 0o640))
			}
			if err := call(u); err == nil {
				t.Error("it worked")
			}
			b, err := os.ReadFile(victim)
			must(t, err)
			st, err := os.Stat(victim)
			must(t, err)
			if string(b) != "0\n" || st.Mode() != 0o640 || !st.ModTime().Equal(past) {
				t.Errorf("the other file holds %q and has mode %v and time %v now", b, st.Mode(), st.ModTime())
			}
			must(t, u.Set(0))
			want(t, u, "")
			must(t, u.Beat())
		})
	}
}

// TestOddFiles: a code that cannot be recorded is unhealthy whatever has the name
// of the error file, and nothing waits for or follows what is there.
func TestOddFiles(t *testing.T) {
	for kind, put := range map[string]func(path, victim string) error{
		"symbolic link": func(path, victim string) error { return os.Symlink(victim, path) },
		"FIFO":          func(path, _ string) error { return syscall.Mkfifo(path, 0o644) },
		"directory":     func(path, _ string) error { return os.Mkdir(path, 0o755) },
	} {
		t.Run(kind, func(t *testing.T) {
			u := open(t, t.TempDir())
			must(t, u.Load(context.Background()))
			victim, path := filepath.Join(u.RunDir(), "victim"), filepath.Join(u.Dir(), "error")
			must(t, errors.Join(os.WriteFile(victim, []byte("0\n"), 0o644), put(path, victim)))
			if err := u.Set(-1); err == nil {
				t.Error("set -1 worked")
			}
			if b, err := os.ReadFile(victim); string(b) != "0\n" {
				t.Errorf("the file behind the link holds %q now (%v)", b, err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) && kind != "directory" {
				t.Errorf("it is still there (%v)", err)
			}
			if probe(u) == "" {
				t.Error("healthy")
			}
		})
	}
	u := open(t, t.TempDir()) // and a socket for a pid
	must(t, u.Load(context.Background()))
	must(t, os.Remove(filepath.Join(u.Dir(), "pid")))
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(t, err)
	defer syscall.Close(fd)
	must(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: filepath.Join(u.Dir(), "pid")}))
	if err := u.Set(0); !errors.Is(err, writer.ErrNotLoaded) || !strings.Contains(err.Error(), "pid is not a regular file") {
		t.Errorf("%v", err)
	}
}

// TestReadersCannotLock: everyone who can read the unit directory can lock that,
// so it must not matter.
func TestReadersCannotLock(t *testing.T) {
	u := open(t, t.TempDir())
	must(t, u.Load(context.Background()))
	dir, err := os.Open(u.Dir())
	must(t, err)
	defer dir.Close()
	must(t, syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	must(t, u.Set(0))
	must(t, u.Beat())
	must(t, u.Reset())
}

// TestStoppedSet: a set that was stopped just before its rename must not bring
// its 0 back after another set, without the lock, has cleared the state.
func TestStoppedSet(t *testing.T) {
	u := open(t, t.TempDir())
	must(t, u.Load(context.Background()))
	must(t, u.Set(0))
	holdLock(t, u)
	temp := filepath.Join(u.Dir(), ".tmp")
	must(t, os.WriteFile(temp, []byte("0\n"), 0o644))
	if err := u.Set(3); !errors.Is(err, writer.ErrLocked) {
		t.Errorf("%v", err)
	}
	if err := os.Rename(temp, filepath.Join(u.Dir(), "error")); err == nil {
		t.Error("the stopped set went on, and the probe says ", probe(u))
	}
}

// TestCancelledLoad: a load whose context has ended before changes nothing.
func TestCancelledLoad(t *testing.T) {
	u := open(t, t.TempDir())
	must(t, u.Load(context.Background()))
	must(t, u.Set(0))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := u.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	want(t, u, "")
}

// TestContention: many callers at once wait for each other. None is told to look
// for a stopped process, since there is none.
func TestContention(t *testing.T) {
	u := open(t, t.TempDir())
	must(t, u.Load(context.Background()))
	must(t, u.Set(0))
	var calls sync.WaitGroup
	var late, misled atomic.Int32
	for range 60 {
		u := open(t, u.RunDir()) // for each its own, as if in another process
		calls.Go(func() {
			for range 100 {
				if err := errors.Join(u.Set(0), u.Beat()); errors.Is(err, writer.ErrLocked) {
					late.Add(1)
					if !strings.Contains(err.Error(), "in turn") {
						misled.Add(1)
					}
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
	t.Logf("%d of 6000 pairs of calls waited for too long", late.Load())
	if misled.Load() > 0 {
		t.Errorf("%d of them were told to look for a stopped process", misled.Load())
	}
}
