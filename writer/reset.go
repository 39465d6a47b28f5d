//go:build unix

package writer

import "errors"

// Reset removes the unit's files, as before Load. Its directory stays, and any
// file that this package does not know. Resetting a unit that is not loaded
// succeeds. ErrOwned means that another live process owns it. Reset last in a
// shutdown, or the liveness probe may fail while the application still drains.
func (u *Unit) Reset() error {
	return u.do("reset", func() error {
		u.endWindow()
		return u.reset()
	})
}

func (u *Unit) reset() error {
	d, err := u.lock(lockOptions{})
	if errors.Is(err, ErrNotLoaded) {
		u.loaded.Store(false)
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	if err := u.mayReset(d); err != nil {
		return err
	}
	if err := u.clear(d); err != nil {
		return err
	}
	u.loaded.Store(false)
	return nil
}

// mayReset returns an error if another live process owns the unit.
func (u *Unit) mayReset(d *directory) error {
	if u.anyOwner {
		return nil
	}
	o, err := readOwner(d)
	if err != nil {
		return err
	}
	me, err := identify(u.pid)
	if err != nil && !errors.Is(err, ErrGone) { // what has exited may be reset
		return err
	}
	return u.checkFree(o, me)
}

// clear removes the unit's files. A heartbeat from before must not answer for
// those after, so the window ends while we hold the lock.
func (u *Unit) clear(d *directory) error {
	u.endWindow()
	return d.clear()
}
