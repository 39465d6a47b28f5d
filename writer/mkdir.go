//go:build unix

package writer

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// unfinished is the sticky bit, which marks a directory that we have made but
// not yet given its mode: mkdir(2) subtracts the umask. If we are killed in
// between, the next load finds the mark and finishes. No directory that is meant
// for sharing looks like this, since those are writable for others.
const unfinished = unix.S_ISVTX

func isUnfinished(mode, uid uint32) bool {
	return mode&(unfinished|0o022) == unfinished && int(uid) == os.Geteuid()
}

// makeUnitDir makes the unit directory at path, which finish has yet to give its
// mode, and the run directory.
func makeUnitDir(path string) error {
	if err := makeRunDir(parent(path)); err != nil {
		return err
	}
	return makeDirectory(path)
}

// finish gives a locked unit directory its mode, if a load has just made it.
func (d *directory) finish() error {
	if !isUnfinished(d.mode, uint32(d.uid)) {
		return nil
	}
	d.mode = 0o755
	return d.do("chmod", "", func() error { return unix.Fchmodat(d.fd, ".", d.mode, 0) })
}

// makeDirectory makes a directory that is 0755 once it is finished. One that
// exists is left alone.
func makeDirectory(path string) error {
	err := retry(func() error { return unix.Mkdir(path, 0o755|unfinished) })
	if err != nil && err != unix.EEXIST {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// makeRunDir makes the run directory and its parents, as far as they do not exist,
// and finishes each before anything is made in it. A link that leads nowhere is an
// error.
func makeRunDir(path string) error {
	err := finishRunDir(path)
	up := parent(path)
	if !errors.Is(err, os.ErrNotExist) || up == path {
		return err
	}
	if err := makeRunDir(up); err != nil {
		return err
	}
	if err := makeDirectory(path); err != nil {
		return err
	}
	return finishRunDir(path)
}

// parent returns the path without its last element. It does not clean the path as
// package filepath does: what ".." means depends on where a link leads.
func parent(path string) string {
	path = path[:strings.LastIndex(strings.TrimRight(path, "/"), "/")+1]
	if path = strings.TrimRight(path, "/"); path != "" {
		return path
	}
	return "/"
}

// finishRunDir gives a directory its mode if we, or a load that was killed, have just
// made it. Such a directory is still empty: what somebody keeps in one of mode 1700
// stays theirs alone.
func finishRunDir(path string) error {
	var st unix.Stat_t
	err := retry(func() error { return unix.Stat(path, &st) })
	if err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if !isUnfinished(uint32(st.Mode), st.Uid) {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	err = retry(func() error { return unix.Fstat(int(d.Fd()), &st) })
	if err != nil || !isUnfinished(uint32(st.Mode), st.Uid) {
		return err
	}
	if _, err := d.Readdirnames(1); err != io.EOF {
		return err
	}
	return d.Chmod(0o755)
}
