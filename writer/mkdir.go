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
	err := finish(path)
	if parent := parent(path); errors.Is(err, os.ErrNotExist) && parent != path {
		if err = makeRunDir(parent); err == nil {
			err = makeDirectory(path)
		}
		if err == nil {
			err = finish(path)
		}
	}
	return err
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

// finish gives a directory its mode, if it exists and we, or a load that was killed, have just
// made it. That one is still empty: what somebody keeps in a directory of mode
// 1700 stays theirs alone.
func finish(path string) error {
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
