package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/healthprobe/healthprobe/internal/state"
)

// Check is something that must be in order before the application starts.
type Check struct {
	Name string // for CheckError
	// Health returns nil to pass, ErrUnhealthy to say just "no", or any other
	// error, which Load passes on.
	Health func(context.Context) error
}

// Load runs the checks in the order given and, if all pass, records the
// process: its pid and its identity. From then on until the first Set the unit
// is unhealthy, but alive.
//
// Whatever an earlier process left is removed before the first check runs. The
// first check that fails ends Load with a *CheckError, and nothing is recorded.
// ErrOwned means that another live process has the unit: nothing was changed. A
// process that has loaded may load again, and starts over. No lock is held
// while checks run.
func (u *Unit) Load(ctx context.Context, checks ...Check) error {
	u.endWindow()
	return u.wrap("load", u.load(ctx, checks))
}

func (u *Unit) load(ctx context.Context, checks []Check) error {
	if u.anyOwner {
		return errors.New("there is no process to record: open the unit without WithAnyOwner")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	me, err := identify(u.pid)
	if err != nil {
		return err
	}
	if err := u.claim(me, func(*directory) error { return nil }); err != nil {
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
	// Someone may have loaded, set and exited meanwhile: claim clears once more.
	return u.claim(me, func(d *directory) error {
		if now, err := identify(u.pid); err != nil {
			return err
		} else if !same(now, me) {
			return refuse(ErrGone, "pid %d is another process now than when load began", u.pid)
		}
		if len(me.Start) > 0 {
			var buf [state.IdentityLimit]byte
			if err := d.replace(state.IdentityFile, state.FormatIdentity(&buf, me)); err != nil {
				return err
			}
		}
		var buf [state.PidLimit]byte
		if err := d.replace(state.PidFile, state.FormatNumber(&buf, me.Pid)); err != nil {
			return err
		}
		u.loaded.Store(true)
		return nil
	})
}

// claim locks the unit and, if it is free for me, clears it and calls then.
func (u *Unit) claim(me state.Identity, then func(*directory) error) error {
	d, err := u.lock(true, false)
	if err != nil {
		return err
	}
	defer d.close()
	o, err := readOwner(d)
	if err != nil {
		return err
	}
	if err := u.checkFree(o, me); err != nil {
		return err
	}
	if err := u.clear(d); err != nil {
		return err
	}
	return then(d)
}

// clear removes the unit's files. A heartbeat that is made before must not answer
// for those after, so the window ends while we have the lock.
func (u *Unit) clear(d *directory) error {
	u.endWindow()
	return d.clear()
}

// Reset removes the unit's files, as before Load. Its directory stays, and any
// file that this package does not know. Resetting a unit that is not loaded
// succeeds. ErrOwned means that another live process owns it. Reset last in a
// shutdown, or the liveness probe may fail while the application still drains.
func (u *Unit) Reset() error {
	u.endWindow()
	return u.wrap("reset", u.reset())
}

func (u *Unit) reset() error {
	d, err := u.lock(false, false)
	if isAbsent(err) {
		u.loaded.Store(false)
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	if !u.anyOwner {
		o, err := readOwner(d)
		if err != nil {
			return err
		}
		me, err := identify(u.pid)
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
		if err := u.checkFree(o, me); err != nil {
			return err
		}
	}
	if err := u.clear(d); err != nil {
		return err
	}
	u.loaded.Store(false)
	return nil
}
