package writer

import (
	"errors"
	"fmt"
	"os"

	"github.com/healthprobe/healthprobe/internal/state"
)

// Set records the state of the application: 0 is healthy, any other code up to
// 2^31-1 is not. Call it with 0 just before the main loop, and again whenever
// the state changes. It counts as a heartbeat too.
//
// It gives ErrNotLoaded before Load, ErrGone if the process that loaded has
// ended, ErrOwned if another one has the unit now, ErrLocked. If a code other
// than 0 cannot be recorded (a full disk, the lock, a code out of range), the
// old state is withdrawn where that is possible, so that no "healthy" is left
// standing; the error is returned all the same and says what stands now.
func (u *Unit) Set(code int) error { return u.SetReason(code, "") }

// SetReason is Set with one line for people, which the probe shows behind the
// code. Control characters are replaced; code and reason share 512 bytes, and
// what goes beyond them is cut.
func (u *Unit) SetReason(code int, reason string) error {
	return u.explain("set", u.set(code, reason))
}

func (u *Unit) set(code int, reason string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	d, err := u.lock(false)
	if err != nil {
		return u.unlocked(code, err)
	}
	defer d.Close()
	err = u.check(d)
	if unsure(err) && code != 0 {
		err = u.check(d) // a failure to read may pass; an old "healthy" would stay
	}
	if unsure(err) && code != 0 {
		return u.stands(d, err)
	}
	if err != nil {
		return err
	}
	if code < 0 || code > state.MaxNumber {
		return u.failed(d, code, fmt.Errorf("code %d is out of range: want 0 to %d", code, state.MaxNumber))
	}
	if reason == "" {
		d.Forget() // a reason is a courtesy: without it, or with an old one, the code stands
	} else {
		d.Replace(state.ReasonFile, state.AppendReason(nil, int32(code), reason))
	}
	if err := d.Replace(state.ErrorFile, state.AppendNumber(nil, int32(code))); err != nil {
		return u.failed(d, code, err)
	}
	return nil
}

// unsure reports whether check could not find out who owns the unit.
func unsure(err error) bool {
	refused := (*refusal)(nil)
	return err != nil && (!errors.As(err, &refused) || refused.unsure)
}

// check refuses unless the recorded process is the one the unit speaks for.
func (u *Unit) check(d *state.Dir) error {
	r, err := read(d)
	if err != nil {
		return err
	}
	return u.mine(r)
}

// unlocked is set without the lock: all it may do is withdraw.
func (u *Unit) unlocked(code int, cause error) error {
	if isAbsent(cause) {
		return refuse(ErrNotLoaded, "not loaded: no directory %s: load first", u.Dir())
	}
	d, err := state.Open(u.Dir())
	if err != nil && code == 0 {
		return cause
	}
	if err != nil {
		return refuse(u.advise(cause), "%v; what %s/error holds cannot be read now", u.advise(cause), u.Dir())
	}
	defer d.Close()
	if u.check(d) != nil {
		return u.stands(d, cause)
	}
	return u.failed(d, code, cause)
}

// failed withdraws the old state if the new one was to be unhealthy, and says
// what stands.
func (u *Unit) failed(d *state.Dir, code int, cause error) error {
	if code != 0 {
		if err := d.Withdraw(); err != nil {
			cause = fmt.Errorf("%w; the old state could not be withdrawn: %w", cause, err)
		}
	}
	return u.stands(d, cause)
}

// stands adds what the error file holds.
func (u *Unit) stands(d *state.Dir, cause error) error {
	cause = u.advise(cause)
	held, err := content(d, state.ErrorFile, state.ErrorLimit)
	stands := fmt.Sprintf("holds %q now", held)
	switch {
	case err != nil:
		stands = "cannot be read now"
	case held == nil:
		stands = "does not exist now: unhealthy"
	case len(held) == 0:
		stands = "is empty now: unhealthy"
	}
	return refuse(cause, "%v; %s/error %s", cause, u.Dir(), stands)
}

// Beat says that the application is still at work: the probe's -max-age counts
// from the last Set or Beat. Call it from the loop that does the work; a beat
// from the side proves nothing. It writes no data, so it works on a full disk,
// and it does not change the code. It gives ErrNotSet before the first Set
// since Load, and otherwise the errors of Set.
func (u *Unit) Beat() error {
	return u.explain("beat", u.beat())
}

func (u *Unit) beat() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	d, err := u.lock(false)
	if isAbsent(err) {
		return refuse(ErrNotLoaded, "not loaded: no directory %s: load first", u.Dir())
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := u.check(d); err != nil {
		return err
	}
	if err := d.Touch(); isAbsent(err) {
		return refuse(ErrNotSet, "not set since load: no error in %s: set first", u.Dir())
	} else if err != nil {
		return err
	}
	return nil
}

func isAbsent(err error) bool { return errors.Is(err, os.ErrNotExist) }
