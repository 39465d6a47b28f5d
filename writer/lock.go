//go:build unix

package writer

import (
	"errors"
	"os"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/sys"
	"golang.org/x/sys/unix"
)

// lockFile is in the unit directory, and whoever may write there may open it.
// The directory itself is no lock: everyone who may read it, which the probe
// must, could hold it.
const lockFile = ".lock"

// lockWait is how long a call tries to get the lock.
const lockWait = 2 * time.Second

type lockOptions struct {
	create bool // make the directory if it does not exist
	urgent bool // do not wait for this Unit's other calls: an error code must not queue behind heartbeats
}

// lock opens the unit directory and takes its lock; close gives it back. The calls
// of one Unit take turns before they try, which is faster than competing for the
// lock. All of that ends after lockWait.
func (u *Unit) lock(o lockOptions) (*directory, error) {
	deadline := time.Now().Add(lockWait)
	if o.urgent {
		d, err := lockDirectory(u.Dir(), o, deadline)
		return d, u.lockError(o, err)
	}
	if !u.takeTurn(deadline) {
		return nil, refuse(ErrLocked, "other calls of this process have waited for the lock of %s for %v: try again, and look for a stopped process (lslocks names it)", u.Dir(), lockWait)
	}
	d, err := lockDirectory(u.Dir(), o, deadline)
	if err != nil {
		<-u.turn
		return nil, u.lockError(o, err)
	}
	d.turn = u.turn
	return d, nil
}

// lockError explains why the lock was not had.
func (u *Unit) lockError(o lockOptions, err error) error {
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return refuse(ErrLocked, "another process has held the lock of %s for %v: try again, and look for a stopped process (lslocks names it)", u.Dir(), lockWait)
	case isAbsent(err) && !o.create:
		return refuse(ErrNotLoaded, "not loaded: no directory %s: load first", u.Dir())
	case errors.Is(err, errBusy):
		return refuse(ErrLocked, "other processes have taken the lock of %s in turn for %v: try again, and let fewer callers set and beat, or less often", u.Dir(), lockWait)
	}
	return err
}

// takeTurn waits until no other call of this Unit has its turn. directory.close ends
// it.
func (u *Unit) takeTurn(deadline time.Time) bool {
	select {
	case u.turn <- struct{}{}:
		return true
	default:
	}
	timeout := time.NewTimer(time.Until(deadline))
	defer timeout.Stop()
	select {
	case u.turn <- struct{}{}:
		return true
	case <-timeout.C:
		return false
	}
}

// lockDirectory opens the unit directory at path and takes its lock: flock(2),
// which the kernel drops with the descriptor, however its holder ends. With o.create,
// a directory that does not exist is made, as 0755, and so is the run directory. The
// error is EWOULDBLOCK if another process holds the lock until deadline, and errBusy
// if several do in turn.
func lockDirectory(path string, o lockOptions, deadline time.Time) (*directory, error) {
	for {
		d, again, err := tryLock(path, o, deadline)
		if err != nil || !again {
			return d, err
		}
		if !time.Now().Before(deadline) {
			return nil, &os.PathError{Op: "flock", Path: path, Err: unix.EWOULDBLOCK}
		}
	}
}

// tryLock is one attempt. again means that the directory was just made, or that it
// or its lock file was replaced meanwhile: such a lock excludes nobody.
func tryLock(path string, o lockOptions, deadline time.Time) (d *directory, again bool, err error) {
	d, err = openDirectory(path)
	if o.create && isAbsent(err) {
		err := makeUnitDir(path)
		return nil, err == nil, err
	}
	if err != nil {
		return nil, false, err
	}
	again, err = d.lock(deadline)
	if err == nil && !again && o.create {
		err = d.finish()
	}
	if err != nil || again {
		d.close()
		return nil, again, err
	}
	return d, false, nil
}

// lock takes the lock of an open directory; again is that of tryLock.
func (d *directory) lock(deadline time.Time) (again bool, err error) {
	var here, there unix.Stat_t
	if err := d.do("stat", "", func() error { return unix.Fstat(d.fd, &here) }); err != nil {
		return false, err
	}
	d.uid, d.gid, d.mode = int(here.Uid), int(here.Gid), uint32(here.Mode)
	if again, err := d.openLock(); again || err != nil {
		return again, err
	}
	if err := d.wait(deadline); err != nil {
		return false, err
	}
	d.locked = true
	// The path must still name this directory, and the lock file must not have been removed.
	err = d.do("stat", "", func() error { return unix.Fstatat(unix.AT_FDCWD, d.path, &there, unix.AT_SYMLINK_NOFOLLOW) })
	if isAbsent(err) || err == nil && !sameFile(&here, &there) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	err = d.do("stat", lockFile, func() error { return unix.Fstat(d.lockFD, &there) })
	return err == nil && there.Nlink == 0, err
}

// wait tries to get the lock until deadline. The error is errBusy if others
// have changed the unit meanwhile, so that nobody has kept it for all that time.
func (d *directory) wait(deadline time.Time) error {
	try := func() error { return unix.Flock(d.lockFD, unix.LOCK_EX|unix.LOCK_NB) }
	err := d.do("flock", lockFile, try)
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	before := d.changed()
	for start := time.Now(); errors.Is(err, unix.EWOULDBLOCK); err = d.do("flock", lockFile, try) {
		if !time.Now().Before(deadline) {
			if d.changed() != before {
				return errBusy
			}
			return err
		}
		time.Sleep(pause(time.Since(start)))
	}
	return err
}

var errBusy = errors.New("others have changed the unit meanwhile")

// changed returns when the directory and the error file changed last. Whatever a
// holder of the lock does, one of them moves on.
func (d *directory) changed() (times [2]unix.Timespec) {
	var dir, file unix.Stat_t
	if unix.Fstat(d.fd, &dir) == nil {
		times[0] = dir.Mtim
	}
	if unix.Fstatat(d.fd, state.ErrorFile, &file, unix.AT_SYMLINK_NOFOLLOW) == nil {
		times[1] = file.Mtim
	}
	return times
}

// pause is how long to wait before the next try. It grows, so that a lock held
// for long costs little, and is short again for whoever has waited long, so that
// newcomers do not starve them.
func pause(waited time.Duration) time.Duration {
	const shortest, longest = time.Millisecond, 10 * time.Millisecond
	if waited > lockWait/4 {
		return shortest
	}
	return min(max(waited/2, shortest), longest)
}

// openLock opens the lock file, or makes it. again means that another process was
// faster, or that the directory is gone.
func (d *directory) openLock() (again bool, err error) {
	open := func(flags int) error {
		return d.do("lock", lockFile, func() (err error) {
			d.lockFD, err = unix.Openat(d.fd, lockFile, flags|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, d.lockMode())
			return err
		})
	}
	err = open(unix.O_RDWR)
	if errors.Is(err, unix.EROFS) { // it may be locked all the same
		err = open(unix.O_RDONLY)
	}
	if !isAbsent(err) {
		return false, err
	}
	err = open(unix.O_RDWR | unix.O_CREAT | unix.O_EXCL)
	if errors.Is(err, os.ErrExist) || isAbsent(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if err = d.setPermissions(d.lockFD, lockFile, d.lockMode()); err != nil {
		d.discardLock()
	}
	return false, err
}

// discardLock removes a lock file that we have made and others could not use. Whoever
// has opened it meanwhile finds it removed, unless they have already locked it.
func (d *directory) discardLock() {
	if unix.Flock(d.lockFD, unix.LOCK_EX|unix.LOCK_NB) == nil {
		d.locked = true
		unix.Unlinkat(d.fd, lockFile, 0)
	}
}

func sameFile(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// close releases the lock and closes the directory. Releasing it by name, and
// not only by closing the descriptor, also releases it for a child that was
// forked meanwhile and has a copy.
func (d *directory) close() {
	released := d.locked && d.do("flock", lockFile, func() error { return unix.Flock(d.lockFD, unix.LOCK_UN) }) == nil
	for _, fd := range []int{d.lockFD, d.fd} {
		if fd >= 0 && !(released && sys.Ending) {
			sys.Close(fd)
		}
	}
	if d.turn != nil {
		<-d.turn
	}
}
