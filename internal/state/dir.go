//go:build unix

package state

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// tempFile is the name under which a file is written before it gets its own.
// One is enough, because its writer has the lock.
const tempFile = ".tmp"

// Dir is a unit directory, open and locked. Everything is done relative to the
// descriptor, so it cannot be exchanged for another on the way.
type Dir struct {
	Path string

	fd       int
	locked   bool
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
	if err == nil && os.Geteuid() == 0 {
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
	if errors.Is(err, unix.EROFS) { // the kernel says so before it looks whether there is one
		var st unix.Stat_t
		if unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == unix.ENOENT {
			return nil
		}
	}
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

func (d *Dir) file(name string) string {
	if name == "" {
		return d.Path
	}
	return d.Path + "/" + name
}

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
