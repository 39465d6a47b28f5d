//go:build unix

package writer

import "github.com/healthprobe/healthprobe/internal/state"

// Beat is a heartbeat: the probe's -max-age counts from the last Set or Beat.
// Call it from the loop that does the work. A heartbeat from a separate
// goroutine proves only that this goroutine runs. Beat writes no data, so it
// works on a full disk, and it does not change the code. Beat returns ErrNotSet
// before the first Set after Load, and otherwise the errors that Set returns.
//
// A loop may be as fast as it likes: within 100 ms of the last Beat or Set of
// this Unit that worked, Beat returns nil at once, without a system call, a lock
// or an allocation. So a -max-age below 1 s makes no sense, and Beat may report up to
// 100 ms late that another process took the unit (ErrOwned) or reset it (ErrNotLoaded).
// Load, Reset and an error of Set or Beat end that time, and a Unit
// opened WithAnyOwner always asks.
func (u *Unit) Beat() error {
	if u != nil && u.recent.Load().covers(sinceStart()) {
		return nil
	}
	return u.do("beat", func() error {
		err := u.beat()
		if err != nil {
			u.endWindow()
		}
		return err
	})
}

func (u *Unit) beat() error {
	d, err := u.lock(lockOptions{})
	if err != nil {
		return err
	}
	defer d.close()
	before, now := u.recent.Load(), sinceStart()
	if err := u.checkOwnership(d); err != nil {
		return err
	}
	err = d.touch()
	if isAbsent(err) {
		return refuse(ErrNotSet, "not set yet: no %s in %s: set first", state.ErrorFile, u.Dir())
	}
	if err != nil {
		return err
	}
	u.openWindow(before, now)
	return nil
}
