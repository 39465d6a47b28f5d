//go:build unix

package writer

import (
	"context"
	"errors"

	"github.com/healthprobe/healthprobe/internal/state"
)

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
	if u == nil {
		return runChecks(ctx, "", checks)
	}
	u.endWindow()
	return u.do("load", func() error { return u.load(ctx, checks) })
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
	d, err := u.claim(me)
	if err != nil {
		return err
	}
	d.close()
	if err := runChecks(ctx, u.name, checks); err != nil {
		return err
	}
	d, err = u.claim(me) // again: another process may have loaded, set and exited meanwhile
	if err != nil {
		return err
	}
	defer d.close()
	now, err := identify(u.pid)
	if err != nil {
		return err
	}
	if !same(now, me) {
		return refuse(ErrGone, "pid %d is another process now than when load began", u.pid)
	}
	if err := d.record(me); err != nil {
		return err
	}
	written := d.stamps()
	u.named.Store(&written)
	u.loaded.Store(true)
	return nil
}

// claim locks the unit for me and clears it. It fails if another process owns it.
func (u *Unit) claim(me state.Identity) (*directory, error) {
	d, err := u.lock(lockOptions{create: true})
	if err != nil {
		return nil, err
	}
	o, err := readOwner(d)
	if err == nil {
		err = u.checkFree(o, me)
	}
	if err == nil {
		d.actFor(u.pid)
		d.pidOwner = 0 // who loaded before does not count
		err = d.mayMake()
	}
	if err == nil {
		err = u.clear(d)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// record writes which process owns the unit: identity first, so that no pid is ever
// without its identity.
func (d *directory) record(me state.Identity) error {
	if len(me.Start) > 0 {
		var buf [state.IdentityLimit]byte
		if err := d.replace(state.IdentityFile, state.FormatIdentity(&buf, me)); err != nil {
			return err
		}
	}
	var buf [state.PidLimit]byte
	return d.replace(state.PidFile, state.FormatNumber(&buf, me.Pid))
}
