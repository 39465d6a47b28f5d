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

// lockDirectory opens the unit directory at path and takes its lock: flock(2),
// which the kernel drops with the descriptor, however its holder ends. The error
// is EWOULDBLOCK if another process holds it until deadline, and errBusy if
// several do in turn. With create, a directory that does not exist is made, as
// 0755, and so is the run directory.
func lockDirectory(path string, create bool, deadline time.Time) (*directory, error) {
	for {
		d, err := openDirectory(path)
		if err == nil {
			if err = d.lock(create, deadline); err == nil {
				return d, nil
			}
			d.close()
		} else if create && errors.Is(err, os.ErrNotExist) {
			if err = makeRunDir(parent(path)); err == nil {
				err = makeDirectory(path)
			}
			if err == nil {
				err = errReplaced
			}
		}
		if !errors.Is(err, errReplaced) {
			return nil, err
		}
		if !time.Now().Before(deadline) {
			return nil, &os.PathError{Op: "flock", Path: path, Err: unix.EWOULDBLOCK}
		}
	}
}

// errReplaced means that the lock is on something that was removed meanwhile: it
// excludes nobody, so start again.
var errReplaced = errors.New("replaced meanwhile")

func (d *directory) lock(create bool, deadline time.Time) error {
	var here, there unix.Stat_t
	if err := d.do("stat", "", func() error { return unix.Fstat(d.fd, &here) }); err != nil {
		return err
	}
	d.uid, d.gid = int(here.Uid), int(here.Gid)
	err := d.openLock(uint32(here.Mode))
	if err != nil {
		return err
	}
	if err = d.wait(deadline); err != nil {
		return err
	}
	d.locked = true
	// The path must still name this directory, and the name this lock.
	err = d.do("stat", "", func() error { return unix.Fstatat(unix.AT_FDCWD, d.path, &there, unix.AT_SYMLINK_NOFOLLOW) })
	if errors.Is(err, os.ErrNotExist) || err == nil && !sameFile(&here, &there) {
		return errReplaced
	}
	if err == nil {
		err = d.do("stat", lockFile, func() error { return unix.Fstat(d.lockFD, &there) })
	}
	if err == nil && there.Nlink == 0 {
		return errReplaced
	}
	if err == nil && create && isUnfinished(uint32(here.Mode), here.Uid) {
		err = d.do("chmod", "", func() error { return unix.Fchmodat(d.fd, ".", 0o755, 0) })
	}
	return err
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

// openLock opens the lock file, or makes it: for the directory's owner, and for
// its group and for others if they may write the directory. The owner and mode
// are set only on a file that we have just made.
func (d *directory) openLock(dirMode uint32) error {
	mode := uint32(0o600)
	if dirMode&0o020 != 0 {
		mode |= 0o060
	}
	if dirMode&0o002 != 0 {
		mode |= 0o006
	}
	open := func(flags int) func() error {
		return func() (err error) {
			d.lockFD, err = unix.Openat(d.fd, lockFile, flags|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
			return err
		}
	}
	err := d.do("lock", lockFile, open(unix.O_RDWR))
	if errors.Is(err, unix.EROFS) { // it may be locked all the same
		err = d.do("lock", lockFile, open(unix.O_RDONLY))
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	err = d.do("lock", lockFile, open(unix.O_RDWR|unix.O_CREAT|unix.O_EXCL))
	if errors.Is(err, os.ErrExist) || errors.Is(err, os.ErrNotExist) {
		return errReplaced // another process was faster, or the directory is gone
	}
	if err == nil {
		err = d.own(d.lockFD, lockFile, mode)
	}
	return err
}

func sameFile(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// close releases the lock and closes the directory. Releasing it by name, and
// not only by closing the descriptor, also releases it for a child that was
// forked meanwhile and has a copy.
func (d *directory) close() {
	keepOpen := d.keepOpen
	if d.locked && d.do("flock", lockFile, func() error { return unix.Flock(d.lockFD, unix.LOCK_UN) }) != nil {
		keepOpen = false // so that closing releases it
	}
	if d.lockFD >= 0 && !keepOpen {
		sys.Close(d.lockFD)
	}
	if !keepOpen {
		sys.Close(d.fd)
	}
	if d.turn != nil {
		<-d.turn
	}
}
