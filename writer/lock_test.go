//go:build unix

package writer

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// soon is a deadline for a lock that somebody holds for good.
func soon() time.Time { return time.Now().Add(200 * time.Millisecond) }

// mustLock locks a directory that nobody else has locked for long.
func mustLock(t *testing.T, path string) *directory {
	t.Helper()
	d, err := lockDirectory(path, lockOptions{create: true}, time.Now().Add(lockWait))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	if _, err := lockDirectory(path, lockOptions{}, soon()); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("locking what is not there: %v", err)
	}
	d := mustLock(t, path)
	if _, err := lockDirectory(path, lockOptions{create: true}, soon()); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("the second lock: %v", err)
	}
	d.close()
	mustLock(t, path).close()
}

// TestLockOfReplacedDirectory: if the directory or the lock file is replaced
// while a call waits, the lock it gets excludes nobody, so it must start again.
func TestLockOfReplacedDirectory(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"removed": func(path string) error { return errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o755)) },
		"moved":   func(path string) error { return errors.Join(os.Rename(path, path+".old"), os.Mkdir(path, 0o755)) },
		"lock":    func(path string) error { return os.Remove(filepath.Join(path, lockFile)) },
		"copied, with the lock itself": func(path string) error {
			return errors.Join(os.Mkdir(path+".new", 0o755), os.Link(filepath.Join(path, lockFile), filepath.Join(path+".new", lockFile)),
				os.Rename(path, path+".old"), os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "web")
			old := mustLock(t, path)
			locked := make(chan *directory)
			go func() {
				d, err := lockDirectory(path, lockOptions{}, time.Now().Add(lockWait))
				if err != nil {
					t.Error(err)
				}
				locked <- d
			}()
			time.Sleep(50 * time.Millisecond) // it waits by now; if not, it has less to get wrong
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			old.close()
			d := <-locked
			if d == nil {
				return
			}
			defer d.close()
			var locks, named unix.Stat_t
			if err := errors.Join(unix.Fstat(d.fd, &locks), unix.Stat(path, &named)); err != nil || !sameFile(&locks, &named) {
				t.Errorf("it has locked another directory: %v", err)
			}
			if d, err := lockDirectory(path, lockOptions{}, soon()); !errors.Is(err, syscall.EWOULDBLOCK) {
				t.Errorf("another process gets the lock as well: %v %v", d, err)
			}
		})
	}
}

// TestFirstLocks: of many that make the directory and its lock file at once, one
// has the lock at a time.
func TestFirstLocks(t *testing.T) {
	for range 50 {
		path := filepath.Join(t.TempDir(), "web")
		var all sync.WaitGroup
		var holders atomic.Int32
		for range 8 {
			all.Go(func() {
				d, err := lockDirectory(path, lockOptions{create: true}, time.Now().Add(lockWait))
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				holders.Add(-1)
				d.close()
			})
		}
		all.Wait()
	}
}

// TestLockInRemovedDirectory: no lock file can be made there, so start again.
func TestLockInRemovedDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if again, err := d.lock(soon()); !again || err != nil {
		t.Errorf("%v, %v", again, err)
	}
}

// TestLockAndForkedChild: a child that was forked while the lock was held has a
// copy of its descriptor, and must not keep it locked. Nor may the lock keep
// other goroutines from starting processes.
func TestLockAndForkedChild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	d := mustLock(t, path)
	if !syscall.ForkLock.TryLock() {
		t.Error("nobody can fork while the lock is held")
	} else {
		syscall.ForkLock.Unlock()
	}
	fd, err := syscall.Dup(d.lockFD)
	if err != nil {
		t.Fatal(err)
	}
	lock := os.NewFile(uintptr(fd), lockFile)
	defer lock.Close()
	child := exec.Command("sleep", "600")
	child.ExtraFiles = []*os.File{lock}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	lock.Close()
	d.close()
	d, err = lockDirectory(path, lockOptions{}, soon())
	if err != nil {
		t.Fatal("the child keeps the lock: ", err)
	}
	d.close()
}

// TestLockFileMode: the lock file is for those who may write the directory, and
// for nobody else.
func TestLockFileMode(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	for dirMode, want := range map[os.FileMode]os.FileMode{0o755: 0o600, 0o775: 0o660, 0o777: 0o666, 0o700: 0o600} {
		path := filepath.Join(t.TempDir(), "web")
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, dirMode)); err != nil {
			t.Fatal(err)
		}
		mustLock(t, path).close()
		if st, err := os.Stat(filepath.Join(path, lockFile)); err != nil || st.Mode() != want {
			t.Errorf("in a directory of mode %v the lock file has %v, want %v (%v)", dirMode, st.Mode(), want, err)
		}
		if st, _ := os.Stat(path); st.Mode().Perm() != dirMode {
			t.Errorf("the directory had mode %v, and has %v now", dirMode, st.Mode())
		}
	}
}

// TestUnfinishedDirectory: load finishes a directory that a load left when it was
// killed before it could set the mode.
func TestUnfinishedDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web")
	if err := syscall.Mkdir(path, (0o755|unfinished)&^0o077); err != nil {
		t.Fatal(err)
	}
	if d, err := lockDirectory(path, lockOptions{}, soon()); err != nil {
		t.Fatal(err)
	} else {
		d.close()
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o700 {
		t.Errorf("set gave the directory mode %v", st.Mode())
	}
	mustLock(t, path).close()
	if st, _ := os.Stat(path); st.Mode() != os.ModeDir|0o755 {
		t.Errorf("mode %v", st.Mode())
	}
	shared := filepath.Join(t.TempDir(), "web") // made by somebody on purpose
	if err := errors.Join(os.Mkdir(shared, 0o700), os.Chmod(shared, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	mustLock(t, shared).close()
	if st, _ := os.Stat(shared); st.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("load changed mode 1777 to %v", st.Mode())
	}
}

// TestUrgentSet: an error code does not queue behind this process's heartbeats.
func TestUrgentSet(t *testing.T) {
	u, err := Open(WithRunDir(t.TempDir()), WithName("web"))
	if err == nil {
		err = errors.Join(u.Load(t.Context()), u.Set(0))
	}
	if err != nil {
		t.Fatal(err)
	}
	u.turn <- struct{}{} // a beat that does not end
	if err := u.Set(3); err != nil {
		t.Error(err)
	}
	u.endWindow()
	if err := u.Beat(); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "other calls of this process") {
		t.Errorf("a beat behind another: %v", err)
	}
	<-u.turn
	if err := u.Beat(); err != nil {
		t.Error(err)
	}
}
