//go:build unix

package state

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// LockWait is how long Lock tries to get the lock of a unit directory.
const LockWait = 2 * time.Second

// tempFile is the name under which a file is written before it gets its own.
// One is enough, because its writer has the lock.
const tempFile = ".tmp"

// Dir is a unit directory, open and locked. Everything is done relative to the
// descriptor, so it cannot be exchanged for another on the way.
type Dir struct {
	Path string

	fd       int
	uid, gid int // the directory's owner
	reader   Reader
}

// Open opens the unit directory at path, which must not be a symbolic link,
// without its lock.
func Open(path string) (*Dir, error) {
	fd, err := again(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &Dir{Path: path, fd: fd}, nil
}

// Lock opens the unit directory at path and takes its lock: flock(2), which the
// kernel drops with the descriptor, however its holder ends. EWOULDBLOCK says that another process had it for LockWait.
// With create, a directory that does not exist is made, as 0755.
func Lock(path string, create bool) (*Dir, error) {
	made := false
	for wait := newWait(); ; {
		d, err := Open(path)
		if errors.Is(err, os.ErrNotExist) && create && (!made || wait.more()) {
			_, err := again(func() (int, error) { return 0, unix.Mkdir(path, 0o755) })
			if err == nil {
				made = true
			} else if err != unix.EEXIST {
				return nil, &os.PathError{Op: "mkdir", Path: path, Err: err}
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		named, err := d.lock(wait)
		if named && made {
			err = d.do("chmod", "", func() error { return unix.Fchmod(d.fd, 0o755) }) // whatever the umask
		}
		if named && err == nil {
			return d, nil
		}
		d.Close()
		if err != nil {
			return nil, err
		}
	}
}

// lock takes the lock and tells whether the path still names the directory: if
// it was removed and made again meanwhile, this lock keeps nobody out.
func (d *Dir) lock(wait *wait) (named bool, err error) {
	for {
		err := unix.Flock(d.fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR || !wait.more() {
			return false, &os.PathError{Op: "flock", Path: d.Path, Err: err}
		}
	}
	var here, there unix.Stat_t
	if err := d.do("stat", "", func() error { return unix.Fstat(d.fd, &here) }); err != nil {
		return false, err
	}
	d.uid, d.gid = int(here.Uid), int(here.Gid)
	err = d.do("stat", "", func() error {
		return unix.Fstatat(unix.AT_FDCWD, d.Path, &there, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	named = err == nil && here.Dev == there.Dev && here.Ino == there.Ino
	if !named && !wait.more() {
		return false, &os.PathError{Op: "flock", Path: d.Path, Err: unix.EWOULDBLOCK}
	}
	return named, nil
}

// Close closes the directory, which gives the lock back.
func (d *Dir) Close() { unix.Close(d.fd) }

// Read gives a file's value, white space trimmed: nil, nil if the file does not
// exist. EFBIG says that it is longer than limit, ESPIPE that it is a FIFO,
// ELOOP that it is a symbolic link.
func (d *Dir) Read(name string, limit int) ([]byte, error) {
	value, e := d.reader.Value(d.fd, name, make([]byte, limit+1))
	switch {
	case e == unix.ENOENT:
		return nil, nil
	case e != 0:
		return value, &os.PathError{Op: "read", Path: d.file(name), Err: e}
	case value == nil:
		value = []byte{}
	}
	return value, nil
}

// Replace gives a file new content and a newline, mode 0644 and, if we are
// root, the directory's owner. Readers see the old file or the new one.
func (d *Dir) Replace(name string, content []byte) error {
	fd, err := d.create()
	if err != nil {
		return err
	}
	err = d.do("chmod", tempFile, func() error { return unix.Fchmod(fd, 0o644) }) // whatever the umask
	if err == nil && os.Geteuid() == 0 && (d.uid != 0 || d.gid != 0) {
		err = d.do("chown", tempFile, func() error { return unix.Fchown(fd, d.uid, d.gid) })
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) { // root in name only: no CAP_CHOWN, or a user namespace
			err = nil
		}
	}
	for b := append(content, '\n'); err == nil && len(b) > 0; {
		err = d.do("write", tempFile, func() error {
			n, err := unix.Write(fd, b)
			if n == 0 && err == nil {
				err = io.ErrShortWrite
			}
			b = b[max(n, 0):]
			return err
		})
	}
	if e := unix.Close(fd); err == nil && e != nil { // NFS reports a full disk here
		err = &os.PathError{Op: "close", Path: d.file(tempFile), Err: e}
	}
	if err == nil {
		err = d.do("rename", name, func() error { return unix.Renameat(d.fd, tempFile, d.fd, name) })
	}
	if err != nil {
		unix.Unlinkat(d.fd, tempFile, 0)
	}
	return err
}

// create makes the temporary file. One that stands there was left by a writer
// that was killed, for nobody else has the lock.
func (d *Dir) create() (fd int, err error) {
	open := func() error {
		fd, err = unix.Openat(d.fd, tempFile, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		return err
	}
	err = d.do("create", tempFile, open)
	if errors.Is(err, os.ErrExist) {
		if err = d.remove(tempFile); err == nil {
			err = d.do("create", tempFile, open)
		}
	}
	return fd, err
}

// Clear removes what makes a unit loaded, error first: with it gone, no probe
// calls any process healthy, however the rest goes.
func (d *Dir) Clear() error {
	for _, name := range []string{ErrorFile, ReasonFile, PidFile, IdentityFile, tempFile} {
		if err := d.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// remove removes a file; that there is none is fine.
func (d *Dir) remove(name string) error {
	err := d.do("remove", name, func() error { return unix.Unlinkat(d.fd, name, 0) })
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Forget removes the reason, if there is one.
func (d *Dir) Forget() error { return d.remove(ReasonFile) }

// Touch sets the error file's modification time to now.
func (d *Dir) Touch() error {
	return d.do("touch", ErrorFile, func() error { return touch(d.fd, ErrorFile) })
}

// Withdraw makes the error file say nothing: it is cut to nothing, which works
// on a full disk and keeps the heartbeat, or removed if that fails.
func (d *Dir) Withdraw() error {
	err := d.do("truncate", ErrorFile, func() error {
		fd, err := unix.Openat(d.fd, ErrorFile, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = unix.Ftruncate(fd, 0)
		return errors.Join(err, unix.Close(fd))
	})
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return d.remove(ErrorFile)
}

func (d *Dir) file(name string) string { return filepath.Join(d.Path, name) }

// do makes a system call again while a signal interrupts it, and names the file
// in its error.
func (d *Dir) do(op, name string, call func() error) error {
	_, err := again(func() (struct{}, error) { return struct{}{}, call() })
	if err != nil {
		return &os.PathError{Op: op, Path: d.file(name), Err: err}
	}
	return nil
}

func again[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if err != syscall.EINTR {
			return v, err
		}
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
