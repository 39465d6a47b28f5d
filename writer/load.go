package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/healthprobe/healthprobe/internal/state"
)

// Check is something that has to be in order before the application starts.
type Check struct {
	Name string // for people: CheckError has it
	// Health returns nil if all is well, ErrUnhealthy to say just "no", and any
	// other error if it has more to say.
	Health func(context.Context) error
}

// Load runs the checks in the order given and, if all pass, records the
// process: its pid and its identity. From then on until the first Set the unit
// is unhealthy, but alive.
//
// Whatever an earlier process left is removed before the first check runs. The
// first check that fails ends Load with a *CheckError, and nothing is recorded.
// ErrOwned says that another live process has the unit: nothing was changed. A
// process that has loaded may load again, and starts over. No lock is held
// while checks run.
func (u *Unit) Load(ctx context.Context, checks ...Check) error {
	return u.explain("load", u.load(ctx, checks))
}

func (u *Unit) load(ctx context.Context, checks []Check) error {
	if u.anyOwner {
		return errors.New("there is no process to record: open the unit without WithAnyOwner")
	}
	me, err := identify(u.pid)
	if err != nil {
		return err
	}
	if err := u.begin(me, func(*state.Dir) error { return nil }); err != nil {
		return err
	}
	for _, check := range checks {
		if err := ctx.Err(); err != nil {
			return &CheckError{u.name, check.Name, fmt.Errorf("not run: %w", err)}
		}
		if check.Health == nil {
			return &CheckError{u.name, check.Name, errors.New("it has no Health function")}
		}
		if err := check.Health(ctx); err != nil {
			return &CheckError{u.name, check.Name, err}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// Someone may have loaded, set and ended meanwhile: begin clears once more.
	return u.begin(me, func(d *state.Dir) error {
		if now, err := identify(u.pid); err != nil {
			return err
		} else if !same(now, me) {
			return refuse(ErrGone, "pid %d is another process now than when load began", u.pid)
		}
		if len(me.Start) > 0 {
			if err := d.Replace(state.IdentityFile, state.AppendIdentity(nil, me)); err != nil {
				return err
			}
		}
		if err := d.Replace(state.PidFile, state.AppendNumber(nil, me.Pid)); err != nil {
			return err
		}
		u.loaded = true
		return nil
	})
}

// begin locks the unit and, if it is free for me, clears it and calls then.
func (u *Unit) begin(me state.Identity, then func(*state.Dir) error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	d, err := u.lock(true)
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := read(d)
	if err != nil {
		return err
	}
	if err := u.free(r, me); err != nil {
		return err
	}
	if err := d.Clear(); err != nil {
		return err
	}
	return then(d)
}

// Reset makes the state what it was before Load: the unit's files are removed,
// its directory and any file that this package does not know stay. Resetting
// what is not loaded is fine; what another live process owns is ErrOwned. It
// should be the last act of a shutdown, or the liveness probe may fire while
// the application still drains.
func (u *Unit) Reset() error {
	return u.explain("reset", u.reset())
}

func (u *Unit) reset() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	d, err := u.lock(false)
	if isAbsent(err) {
		u.loaded = false
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if !u.anyOwner {
		r, err := read(d)
		if err != nil {
			return err
		}
		me, err := identify(u.pid)
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
		if err := u.free(r, me); err != nil {
			return err
		}
	}
	if err := d.Clear(); err != nil {
		return err
	}
	u.loaded = false
	return nil
}
