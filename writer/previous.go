//go:build unix

package writer

import (
	"errors"
	"fmt"
	"os"

	"github.com/healthprobe/healthprobe/internal/state"
	"golang.org/x/sys/unix"
)

// previous is the state that a failed set clears: the error file, and what
// another set, stopped before its rename, is about to put in its place. Open it
// before checking the owner; set.go decides who may clear it. load and set never write to a file that exists, so
// if the unit changes hands after the check, these are not the new owner's files.
type previous struct {
	d     *directory
	fd    int // of the error file; -1: it cannot be truncated
	temp  seen
	error seen
}

// seen is a file as it was at first.
type seen struct {
	name string
	st   unix.Stat_t
	err  error // of looking at it
}

func (d *directory) openPrevious() *previous {
	p := &previous{d: d, temp: d.see(tempFile), error: d.see(state.ErrorFile)}
	p.fd, _ = d.openOwn(state.ErrorFile, unix.O_WRONLY) // if that fails, the file is removed
	return p
}

func (d *directory) see(name string) seen {
	s := seen{name: name}
	fd, path := d.at(name)
	s.err = d.do("stat", name, func() error { return unix.Fstatat(fd, path, &s.st, unix.AT_SYMLINK_NOFOLLOW) })
	return s
}

// clear makes the error file unhealthy. It truncates the file, which works on a full
// disk and keeps the heartbeat, and removes it if that fails.
func (p *previous) clear() error {
	temp := p.remove(p.temp)
	if p.fd >= 0 {
		truncated := p.d.do("truncate", state.ErrorFile, func() error { return unix.Ftruncate(p.fd, 0) })
		if closed := p.close(); truncated == nil && closed == nil {
			return temp
		}
	}
	err := p.remove(p.error)
	switch {
	case temp == nil:
		return err
	case err == nil:
		return temp
	}
	return fmt.Errorf("%w, and %w", temp, err) // on one line
}

// remove removes a file. Without the lock it first makes sure that the name is
// still that of the file seen before: another may be the next owner's, and may
// have got the number of the inode that was seen.
func (p *previous) remove(was seen) error {
	if !p.d.locked {
		now := p.d.see(was.name)
		switch {
		case errors.Is(now.err, os.ErrNotExist), errors.Is(was.err, os.ErrNotExist):
			return nil
		case now.err != nil:
			return now.err
		case was.err != nil:
			return was.err
		case !sameFile(&now.st, &was.st), now.st.Ctim != was.st.Ctim:
			return nil
		}
	}
	return p.d.remove(was.name)
}

// close may be called twice.
func (p *previous) close() error {
	fd := p.fd
	if p.fd = -1; fd < 0 {
		return nil
	}
	return unix.Close(fd)
}
