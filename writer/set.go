package writer

import (
	"errors"
	"fmt"
	"os"

	"github.com/healthprobe/healthprobe/internal/state"
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
	err := u.set(code, reason)
	if err != nil {
		u.endWindow()
	}
	return u.wrap("set", err)
}

func (u *Unit) set(code int, reason string) error {
	d, err := u.lock(false, code != 0)
	if err != nil {
		return u.setUnlocked(code, err)
	}
	defer d.close()
	before, now := u.recent.Load(), sinceStart()
	err = u.check(d)
	if ambiguous(err) && code != 0 {
		err = u.check(d) // a failure to read may pass, and the previous "healthy" would stay
	}
	if ambiguous(err) && code != 0 {
		return u.withState(d, err)
	}
	if err != nil {
		return err
	}
	if code < 0 || code > state.MaxNumber {
		return u.failed(d, d.openPrevious(), code, fmt.Errorf("code %d is out of range: want 0 to %d", code, state.MaxNumber))
	}
	if reason == "" {
		if !isAbsent(d.see(state.ReasonFile).err) { // looking costs less than removing
			d.remove(state.ReasonFile) // best effort: the code is valid without its reason, or with an old one
		}
	} else {
		var buf [state.ReasonLimit]byte
		d.replace(state.ReasonFile, state.FormatReason(&buf, int32(code), reason))
	}
	var buf [state.ErrorLimit]byte
	if err := d.replace(state.ErrorFile, state.FormatNumber(&buf, int32(code))); err != nil {
		return u.failed(d, d.openPrevious(), code, err)
	}
	u.openWindow(before, now)
	return nil
}

// ambiguous reports whether check could not find out who owns the unit.
func ambiguous(err error) bool {
	refused := (*unitError)(nil)
	return err != nil && (!errors.As(err, &refused) || refused.ambiguous)
}

// check returns an error unless the recorded process is the one that the unit
// speaks for.
func (u *Unit) check(d *directory) error {
	var names stamps
	if u.own {
		names = d.stamps()
		if known := u.ours.Load(); known != nil && *known == names {
			return nil
		}
	}
	o, err := readOwner(d)
	if err == nil {
		err = u.checkOwner(o)
	}
	if err == nil && names.pid.settled() && names.identity.settled() {
		u.ours.Store(&names)
	}
	return err
}

// setUnlocked is set without the lock: it may only clear the previous state.
func (u *Unit) setUnlocked(code int, cause error) error {
	if isAbsent(cause) {
		return refuse(ErrNotLoaded, "not loaded: no directory %s: load first", u.Dir())
	}
	d, err := openDirectory(u.Dir())
	if err != nil && code == 0 {
		return cause
	}
	if err != nil {
		return refuse(u.addHint(cause), "%v; %s/error cannot be read now", u.addHint(cause), u.Dir())
	}
	defer d.close()
	previous := d.openPrevious()
	if u.check(d) != nil {
		previous.close()
		return u.withState(d, cause)
	}
	return u.failed(d, previous, code, cause)
}

// failed clears the previous state if the new one was to be unhealthy, and
// returns cause with what the error file holds now.
func (u *Unit) failed(d *directory, previous *previous, code int, cause error) error {
	defer previous.close()
	if code != 0 {
		if err := previous.clear(); err != nil {
			cause = fmt.Errorf("%w; the previous state could not be cleared: %w", cause, err)
		}
	}
	return u.withState(d, cause)
}

// withState adds what the error file holds now.
func (u *Unit) withState(d *directory, cause error) error {
	cause = u.addHint(cause)
	held, problem, err := content(d, state.ErrorFile, state.ErrorLimit)
	now := fmt.Sprintf("holds %q now: unhealthy", held)
	switch {
	case err != nil:
		now = "cannot be read now"
	case problem != "":
		now = problem + " now: unhealthy"
	case held == nil:
		now = "does not exist now: unhealthy"
	case string(held) == "0":
		now = `still holds "0": healthy`
	}
	return refuse(cause, "%v; %s/error %s", cause, u.Dir(), now)
}

func isAbsent(err error) bool { return errors.Is(err, os.ErrNotExist) }
