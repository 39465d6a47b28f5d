//go:build unix

package writer

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait is how long lockDirectory tries to get the lock.
const lockWait = 2 * time.Second

// lockDirectory opens the unit directory at path and takes its lock: flock(2),
// which the kernel drops with the descriptor, however its holder ends. The error
// is EWOULDBLOCK if another process held it for lockWait. With create, a
// directory that does not exist is made, as 0755.
//
// A child of this process, between fork and exec, has a copy of the descriptor
// and with it the lock, so nothing is forked from here to close.
func lockDirectory(path string, create bool) (*directory, error) {
	made := false
	for wait := newWait(); ; {
		syscall.ForkLock.RLock()
		d, err := tryLock(path)
		if err == nil && made {
			err = d.do("chmod", "", func() error { return unix.Fchmod(d.fd, 0o755) }) // whatever the umask
		}
		if err == nil {
			return d, nil
		}
		if d != nil {
			unix.Close(d.fd)
		}
		syscall.ForkLock.RUnlock()
		switch {
		case errors.Is(err, unix.EWOULDBLOCK) && wait.more():
		case errors.Is(err, os.ErrNotExist) && create && (!made || wait.more()):
			_, err := retry(func() (int, error) { return 0, unix.Mkdir(path, 0o755) })
			if err != nil && err != unix.EEXIST {
				return nil, &os.PathError{Op: "mkdir", Path: path, Err: err}
			}
			made = made || err == nil
		default:
			return nil, err
		}
	}
}

// tryLock opens the directory and tries to take its lock. If the path now names
// another directory (this one was removed, and made again), its lock excludes
// nobody: report EWOULDBLOCK and let the caller retry.
func tryLock(path string) (*directory, error) {
	d, err := openDirectory(path)
	if err != nil {
		return nil, err
	}
	var here, there unix.Stat_t
	err = d.do("flock", "", func() error { return unix.Flock(d.fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err == nil {
		err = d.do("stat", "", func() error { return unix.Fstat(d.fd, &here) })
	}
	if err == nil {
		err = d.do("stat", "", func() error {
			return unix.Fstatat(unix.AT_FDCWD, d.path, &there, unix.AT_SYMLINK_NOFOLLOW)
		})
		if err == nil && (here.Dev != there.Dev || here.Ino != there.Ino) || errors.Is(err, os.ErrNotExist) {
			err = &os.PathError{Op: "flock", Path: path, Err: unix.EWOULDBLOCK}
		}
	}
	d.locked, d.uid, d.gid = err == nil, int(here.Uid), int(here.Gid)
	return d, err
}

// close closes the directory, which releases the lock.
func (d *directory) close() {
	unix.Close(d.fd)
	if d.locked {
		syscall.ForkLock.RUnlock()
	}
}

// wait is the time left to get a lock.
type wait struct {
	until time.Time
	pause time.Duration
}

func newWait() *wait { return &wait{time.Now().Add(lockWait), time.Millisecond} }

// more sleeps for 1 to 10 ms, and reports whether there was time left.
func (w *wait) more() bool {
	if time.Now().After(w.until) {
		return false
	}
	time.Sleep(w.pause)
	w.pause = min(w.pause*2, 10*time.Millisecond)
	return true
}
