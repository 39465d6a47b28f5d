//go:build unix

package state

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// LockWait is how long Lock tries to get the lock of a unit directory.
const LockWait = 2 * time.Second

// Lock opens the unit directory at path and takes its lock: flock(2), which the
// kernel drops with the descriptor, however its holder ends. EWOULDBLOCK says
// that another process had it for LockWait. With create, a directory that does
// not exist is made, as 0755.
//
// A child of this process, between fork and exec, has a copy of the descriptor
// and with it the lock, so nothing is forked from here to Close.
func Lock(path string, create bool) (*Dir, error) {
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
			_, err := again(func() (int, error) { return 0, unix.Mkdir(path, 0o755) })
			if err != nil && err != unix.EEXIST {
				return nil, &os.PathError{Op: "mkdir", Path: path, Err: err}
			}
			made = made || err == nil
		default:
			return nil, err
		}
	}
}

// tryLock opens the directory and tries to take its lock. If the path names
// another directory by then (this one was removed, and made again) the lock
// would keep nobody out: EWOULDBLOCK, as if another process had it.
func tryLock(path string) (*Dir, error) {
	d, err := Open(path)
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
			return unix.Fstatat(unix.AT_FDCWD, d.Path, &there, unix.AT_SYMLINK_NOFOLLOW)
		})
		if err == nil && (here.Dev != there.Dev || here.Ino != there.Ino) || errors.Is(err, os.ErrNotExist) {
			err = &os.PathError{Op: "flock", Path: path, Err: unix.EWOULDBLOCK}
		}
	}
	d.locked, d.uid, d.gid = err == nil, int(here.Uid), int(here.Gid)
	return d, err
}

// Close closes the directory, which gives the lock back.
func (d *Dir) Close() {
	unix.Close(d.fd)
	if d.locked {
		syscall.ForkLock.RUnlock()
	}
}

// wait is the time that is left to get a lock.
type wait struct {
	until time.Time
	pause time.Duration
}

func newWait() *wait { return &wait{time.Now().Add(LockWait), time.Millisecond} }

// more sleeps for 1 to 10 ms, or says that the time is over.
func (w *wait) more() bool {
	if time.Now().After(w.until) {
		return false
	}
	time.Sleep(w.pause)
	w.pause = min(w.pause*2, 10*time.Millisecond)
	return true
}
