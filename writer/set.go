//go:build unix

package writer

import (
	"errors"
	"fmt"

	"github.com/healthprobe/healthprobe/internal/state"
	"golang.org/x/sys/unix"
)

// Set records the application's error code: 0 is healthy, any other code up to
// 2^31-1 is not. Call it with 0 just before the main loop, and again whenever
// the state changes. It counts as a heartbeat too.
//
// The error is ErrNotLoaded before Load, ErrGone if the process that loaded has
// exited, ErrOwned if another one has the unit now, or ErrLocked. If a code other
// than 0 cannot be recorded (a full disk, the lock, a code out of range), Set
// clears the previous state if it can, so that no "healthy" remains. It returns
// the error all the same, with what the file holds now.
func (u *Unit) Set(code int) error { return u.SetReason(code, "") }

// SetReason is Set with one line for people, which the probe shows after the
// code. What is not printable is replaced. Code and reason share 512 bytes; the
// rest is cut.
func (u *Unit) SetReason(code int, reason string) error {
	return u.do("set", func() error {
		err := u.set(code, reason)
		if err != nil {
			u.endWindow()
		}
		return err
	})
}

func (u *Unit) set(code int, reason string) error {
	d, err := u.lock(lockOptions{urgent: code != 0})
	if errors.Is(err, ErrNotLoaded) {
		return err
	}
	if err != nil {
		return u.setUnlocked(code, err)
	}
	defer d.close()
	before, now := u.recent.Load(), sinceStart()
	err = u.checkOwnership(d)
	if code != 0 && ambiguous(err) { // it may be temporary, and a "healthy" would stay: look once more
		err = u.checkOwnership(d)
	}
	switch {
	case code != 0 && ambiguous(err) && u.knows(d):
		return d.openPrevious().clearFor(code, err)
	case code != 0 && ambiguous(err):
		return d.withState(err)
	case err != nil:
		return err
	}
	if err := d.set(code, reason); err != nil {
		return d.openPrevious().clearFor(code, err)
	}
	u.openWindow(before, now)
	return nil
}

// set writes the reason and then the code.
func (d *directory) set(code int, reason string) error { return d.setDated(code, reason, nil) }

// setDated is set with the time of the last heartbeat; nil is now.
func (d *directory) setDated(code int, reason string, heartbeat *unix.Timespec) error {
	if code < 0 || code > state.MaxNumber {
		return fmt.Errorf("code %d is out of range: want 0 to %d", code, state.MaxNumber)
	}
	d.setReason(int32(code), reason) // best effort: the code is valid without its reason, or with an old one
	var buf [state.ErrorLimit]byte
	return d.replaceDated(state.ErrorFile, state.FormatNumber(&buf, int32(code)), heartbeat)
}

func (d *directory) setReason(code int32, reason string) error {
	if reason != "" {
		var buf [state.ReasonLimit]byte
		return d.replace(state.ReasonFile, state.FormatReason(&buf, code, reason))
	}
	if isAbsent(d.see(state.ReasonFile).err) { // looking costs less than removing
		return nil
	}
	return d.remove(state.ReasonFile)
}

// setUnlocked is set without the lock, which cause says why: all that it may do
// is to clear the previous state. That works without a descriptor, too.
func (u *Unit) setUnlocked(code int, cause error) error {
	d, err := openDirectory(u.Dir())
	if err != nil && code == 0 {
		return cause
	}
	if err != nil {
		d = byPath(u.Dir())
	}
	defer d.close()
	previous := d.openPrevious() // before the owner is checked: see there
	if err := u.checkOwnership(d); err != nil && !(ambiguous(err) && u.knows(d)) {
		previous.close()
		return d.withState(cause)
	}
	return previous.clearFor(code, cause)
}

// clearFor ends a set that could not record code. If code was to be unhealthy, it
// clears the previous state. The error is cause, with what the error file holds now.
func (p *previous) clearFor(code int, cause error) error {
	defer p.close()
	if code != 0 {
		if err := p.clear(); err != nil {
			cause = fmt.Errorf("%w; the previous state could not be cleared: %w", cause, err)
		}
	}
	return p.d.withState(cause)
}

// withState adds what the error file holds now.
func (d *directory) withState(cause error) error {
	held, problem, err := d.content(state.ErrorFile, state.ErrorLimit)
	now := fmt.Sprintf("holds %q now: unhealthy", held)
	switch {
	case err == nil && held == nil && problem == "", err != nil && isAbsent(d.see(state.ErrorFile).err):
		now = "does not exist now: unhealthy"
	case err != nil:
		now = "cannot be read now"
	case problem != "":
		now = problem + " now: unhealthy"
	case string(held) == "0":
		now = `still holds "0": healthy`
	}
	return &stateError{cause, d.file(state.ErrorFile) + " " + now}
}
