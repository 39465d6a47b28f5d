//go:build unix

package writer

import (
	"errors"
	"strconv"

	"github.com/healthprobe/healthprobe/internal/report"
	"github.com/healthprobe/healthprobe/internal/state"
	"golang.org/x/sys/unix"
)

func init() {
	report.Record = func(unit any, r report.Report, own *report.Own) error {
		u := unit.(*Unit)
		return u.do("set", func() error { return u.record(r, own) })
	}
}

// record is report.Record, where the rule is.
func (u *Unit) record(r report.Report, own *report.Own) error {
	d, err := u.lock(lockOptions{})
	if errors.Is(err, ErrNotLoaded) {
		return err
	}
	if err != nil {
		return u.recordUnlocked(r, own, err)
	}
	defer d.close()
	named := d.stamps()
	err = u.checkOwnership(d)
	switch {
	case ambiguous(err) && u.knows(d):
		return d.clearReported(r, own, err)
	case ambiguous(err):
		return temporary(err)
	case err != nil:
		return err
	}
	u.named.Store(&named)
	now, err := d.standing()
	if err != nil {
		return d.clearReported(r, own, err)
	}
	mine := now.writtenBy(own)
	said := mine && own.Content == strconv.Itoa(r.Code) && own.Reason == r.Reason
	switch {
	case !said && (mine || now.absent || r.Code != 0 && now.content == "0"):
		return d.recordCode(r, own, now.time)
	case r.Heartbeat:
		return d.touch()
	}
	return nil
}

// recordCode sets the code of a report. last is the time of the last heartbeat.
func (d *directory) recordCode(r report.Report, own *report.Own, last unix.Timespec) error {
	heartbeat := &last
	if r.Heartbeat {
		heartbeat = nil
	}
	err := d.setDated(r.Code, r.Reason, heartbeat)
	if err != nil {
		err = d.openPrevious().clearFor(r.Code, err)
		d.noteEmptied(own)
		return err
	}
	*own = report.Own{File: d.which(d.see(state.ErrorFile)), Content: strconv.Itoa(r.Code), Reason: r.Reason}
	return nil
}

// temporary returns err without ErrOwned, so that the reporter tries again.
func temporary(err error) error {
	if errors.Is(err, ErrOwned) {
		return errors.New(err.Error())
	}
	return err
}

// clearReported ends a report that could not be recorded: of not ready, by clearing what
// stands, if it is the reporter's or a 0.
func (d *directory) clearReported(r report.Report, own *report.Own, cause error) error {
	if r.Code == 0 || !d.mayClear(own) {
		return temporary(cause)
	}
	cause = d.openPrevious().clearFor(r.Code, cause)
	d.noteEmptied(own)
	return temporary(cause)
}

// mayClear reports whether the error file is the reporter's own, or a 0. If it cannot be
// read, it is still known which file it is.
func (d *directory) mayClear(own *report.Own) bool {
	now, err := d.standing()
	if err != nil {
		file := d.which(d.see(state.ErrorFile))
		return file == own.File && file != (report.File{})
	}
	return now.content == "0" || now.writtenBy(own)
}

// noteEmptied notes that a reporter has emptied the error file, since its own code could
// not be recorded.
func (d *directory) noteEmptied(own *report.Own) {
	if file := d.see(state.ErrorFile); file.err == nil && file.st.Size == 0 {
		*own = report.Own{File: d.which(file), Emptied: file.st.Ctim.Nano()}
	}
}

// recordUnlocked is record without the lock, which cause says why. A code that somebody
// else has set is unhealthy enough.
func (u *Unit) recordUnlocked(r report.Report, own *report.Own, cause error) error {
	d, err := openDirectory(u.Dir())
	if err != nil {
		d = byPath(u.Dir())
	}
	defer d.close()
	if r.Code == 0 || !d.mayClear(own) {
		return cause
	}
	cause = u.setUnlocked(r.Code, cause)
	d.noteEmptied(own)
	return cause
}

// standing is the error file as a report finds it.
type standing struct {
	absent  bool
	content string // "" if it is absent, or no regular file of the right size
	file    report.File
	time    unix.Timespec // of the last heartbeat; long ago if it is absent
	changed int64         // its change time
}

func (d *directory) standing() (s standing, err error) {
	held, problem, err := d.content(state.ErrorFile, state.ErrorLimit)
	if err != nil {
		return s, err
	}
	s = standing{absent: held == nil && problem == "", content: string(held)}
	if file := d.see(state.ErrorFile); file.err == nil {
		s.file, s.time, s.changed = d.which(file), file.st.Mtim, file.st.Ctim.Nano()
	}
	return s, nil
}

// writtenBy reports whether the file is the one that a reporter wrote last: any other
// set has made another file, or emptied this one.
func (s *standing) writtenBy(own *report.Own) bool {
	return own.File != (report.File{}) && s.file == own.File && s.content == own.Content && (s.content != "" || s.changed == own.Emptied)
}

// which returns what tells a file that was seen from others.
func (d *directory) which(s seen) report.File {
	if s.err != nil {
		return report.File{}
	}
	fd, path := d.at(s.name)
	return report.File{Inode: s.st.Ino, Born: birth(fd, path)}
}
