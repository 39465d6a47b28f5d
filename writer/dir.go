//go:build unix

package writer

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/sys"
	"golang.org/x/sys/unix"
)

// tempFile is the name under which a file is written before it gets its own.
// One is enough, because its writer has the lock.
const tempFile = ".tmp"

// directory is an open unit directory. Everything is done relative to the
// descriptor, so that another directory cannot take its place meanwhile.
type directory struct {
	path     string
	fd       int // -1: no descriptor was left, so files are found by their paths
	lockFD   int // of the lock file; -1: not open
	locked   bool
	uid, gid int           // of the directory, once locked
	mode     uint32        // of the directory, once locked
	process  int           // that the call is for, if it is another than this one, else 0
	pidOwner int           // the owner of the file pid; 0: root, or there is no such file; -1: not looked up
	turn     chan struct{} // to receive from at the end; see Unit.lock
}

// byPath is a unit directory that cannot be opened.
func byPath(path string) *directory {
	return &directory{path: path, fd: -1, lockFD: -1, pidOwner: -1}
}

// at returns the arguments for a system call on a file.
func (d *directory) at(name string) (fd int, path string) {
	if d.fd < 0 {
		return unix.AT_FDCWD, d.file(name)
	}
	return d.fd, name
}

// openDirectory opens the unit directory at path, which must not be a symbolic
// link, without its lock.
func openDirectory(path string) (*directory, error) {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	fd, e := sys.OpenDir(p)
	if e != 0 {
		return nil, &os.PathError{Op: "open", Path: path, Err: e}
	}
	d := byPath(path)
	d.fd = fd
	return d, nil
}

// read returns a file's value, white space trimmed: nil, nil if the file does not
// exist. The error is EFBIG if it is longer than limit, ESPIPE if it is a FIFO,
// ELOOP if it is a symbolic link.
func (d *directory) read(name string, limit int) ([]byte, error) {
	var r state.Reader
	value, e := r.Value(d.fd, name, make([]byte, limit+1))
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

// content reads a file that somebody may have replaced by something else. What
// is not a regular file of the right size has a problem and holds no value, but
// it exists. held is nil if it does not.
func (d *directory) content(name string, limit int) (held []byte, problem string, err error) {
	held, err = d.read(name, limit)
	switch {
	case errors.Is(err, unix.EFBIG):
		return nil, fmt.Sprintf("holds more than %d bytes", limit), nil
	case errors.Is(err, unix.ELOOP):
		return nil, "is a symbolic link", nil
	case errors.Is(err, unix.EISDIR):
		return nil, "is a directory", nil
	case errors.Is(err, unix.ESPIPE), errors.Is(err, unix.ENXIO):
		return nil, "is not a regular file", nil
	case err == nil && held != nil && len(held) == 0:
		return held, "is empty", nil
	}
	return held, "", err
}

// stamps returns what tells whether the files have changed. A file that cannot be
// examined gets a zero stamp, which never settles, so the result is not cached.
func (d *directory) stamps() stamps {
	return stamps{d.stamp(state.PidFile), d.stamp(state.IdentityFile)}
}

func (d *directory) stamp(name string) stamp {
	var st unix.Stat_t
	if fd, path := d.at(name); unix.Fstatat(fd, path, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return stamp{}
	}
	return stamp{st.Ino, st.Ctim.Nano(), int(st.Uid)}
}

// replace replaces a file. Readers see the old one or the new one.
func (d *directory) replace(name string, content []byte) error {
	return d.replaceDated(name, content, nil)
}

// replaceDated gives the new file a modification time; nil is now.
func (d *directory) replaceDated(name string, content []byte, modified *unix.Timespec) error {
	fd, err := d.create()
	if err != nil {
		return err
	}
	err = d.fill(fd, content)
	if err == nil && modified != nil {
		times := []unix.Timespec{*modified, *modified}
		err = d.do("touch", tempFile, func() error { return unix.UtimesNanoAt(d.fd, tempFile, times, unix.AT_SYMLINK_NOFOLLOW) })
	}
	if err == nil { // last: root may not be able to change what it has given away (CAP_FOWNER)
		err = d.setPermissions(fd, tempFile, d.stateMode())
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

// fill gives the temporary file its content.
func (d *directory) fill(fd int, content []byte) error {
	for len(content) > 0 {
		err := d.do("write", tempFile, func() error {
			n, err := unix.Write(fd, content)
			if n == 0 && err == nil {
				err = io.ErrShortWrite
			}
			content = content[max(n, 0):]
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// create makes the temporary file. One that exists already was left by a writer
// that was killed, since nobody else has the lock.
func (d *directory) create() (fd int, err error) {
	open := func() error {
		fd, err = unix.Openat(d.fd, tempFile, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		return err
	}
	err = d.do("create", tempFile, open)
	if !errors.Is(err, os.ErrExist) {
		return fd, err
	}
	if err := d.remove(tempFile); err != nil {
		return -1, err
	}
	err = d.do("create", tempFile, open)
	return fd, err
}

var unitFiles = []string{state.ErrorFile, state.ReasonFile, state.PidFile, state.IdentityFile, tempFile}

// clear removes what makes a unit loaded, error first: with it gone, no probe
// calls any process healthy, whatever happens to the rest.
func (d *directory) clear() error {
	if err := d.mayRemove(unitFiles); err != nil {
		return err
	}
	for _, name := range unitFiles {
		if err := d.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// remove removes a file, if it exists.
func (d *directory) remove(name string) error {
	fd, path := d.at(name)
	err := d.do("remove", name, func() error { return unix.Unlinkat(fd, path, 0) })
	if errors.Is(err, unix.EROFS) && isAbsent(d.see(name).err) { // the kernel reports EROFS before it looks for the file
		return nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// touch sets the error file's modification time to now.
func (d *directory) touch() error {
	fd, err := d.openOwn(state.ErrorFile, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	return d.do("touch", state.ErrorFile, func() error { return touch(fd, d.fd, state.ErrorFile) })
}

// errForeign is about a file that we did not make: it is a link, or no file at
// all. Whoever may write the directory can put the name of any file of its file
// system there by link(2), so a file is changed in place only if it has no other
// name.
var errForeign = errors.New("is a link, or not a regular file")

// openOwn opens a state file to change it in place.
func (d *directory) openOwn(name string, flags int) (fd int, err error) {
	dir, path := d.at(name)
	err = d.do("open", name, func() error {
		fd, err = unix.Openat(dir, path, flags|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	foreign := &os.PathError{Op: "open", Path: d.file(name), Err: errForeign}
	if errors.Is(err, unix.ELOOP) {
		return -1, foreign
	}
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = d.do("stat", name, func() error { return unix.Fstat(fd, &st) })
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1) {
		err = foreign
	}
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (d *directory) file(name string) string {
	if name == "" {
		return d.path
	}
	return d.path + "/" + name
}

// do retries a system call while a signal interrupts it, and names the file in
// its error.
func (d *directory) do(op, name string, call func() error) error {
	if err := retry(call); err != nil {
		return &os.PathError{Op: op, Path: d.file(name), Err: err}
	}
	return nil
}

func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
