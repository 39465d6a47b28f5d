package writer

import (
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
)

// Beat is a heartbeat: the probe's -max-age counts from the last Set or Beat.
// Call it from the loop that does the work. A heartbeat from a separate
// goroutine proves only that this goroutine runs. Beat writes no data, so it
// works on a full disk, and it does not change the code. The error is ErrNotSet
// before the first Set after Load, and otherwise those of Set.
//
// A loop may be as fast as it likes: within 100 ms of the last Beat or Set of
// this Unit that worked, Beat returns nil at once, without a system call, a lock
// or an allocation. So a -max-age below 1 s makes no sense, and that the unit was
// lost to another process (ErrOwned) or reset by one (ErrNotLoaded) shows up to
// 100 ms late. Load, Reset and an error of Set or Beat end that time, and a Unit
// opened WithAnyOwner always asks.
func (u *Unit) Beat() error {
	if u.recent.Load().covers(sinceStart()) {
		return nil
	}
	return u.wrap("beat", u.beat())
}

func (u *Unit) beat() error {
	d, err := u.lock(false, false)
	if isAbsent(err) {
		err = refuse(ErrNotLoaded, "not loaded: no directory %s: load first", u.Dir())
	}
	if err != nil {
		u.endWindow()
		return err
	}
	defer d.close()
	before, now := u.recent.Load(), sinceStart()
	if err = u.check(d); err == nil {
		err = d.touch()
	}
	if isAbsent(err) {
		err = refuse(ErrNotSet, "not set yet: no %s in %s: set first", state.ErrorFile, u.Dir())
	}
	if err != nil {
		u.endWindow()
		return err
	}
	u.openWindow(before, now)
	return nil
}

// beatWindow is how long a heartbeat that reached the file system answers for
// those that follow.
const beatWindow = 100 * time.Millisecond

// window is the time after a successful heartbeat. It is never changed: a Unit
// gets another one, so that comparing pointers tells whether anything happened
// meanwhile.
type window struct{ end time.Duration } // as sinceStart counts

// covers reports whether now is in the window; nil is none.
func (w *window) covers(now time.Duration) bool { return w != nil && now < w.end }

// openWindow remembers a heartbeat that was made at now, unless a window was
// opened or ended since before was read: a call that failed meanwhile must not be
// covered up.
func (u *Unit) openWindow(before *window, now time.Duration) {
	if !u.anyOwner {
		u.recent.CompareAndSwap(before, &window{now + beatWindow})
	}
}

// endWindow makes the next Beat look at the files.
func (u *Unit) endWindow() { u.recent.Store(new(window)) }

var start = time.Now()

// sinceStart is a clock that nobody sets, and cheaper to read than the time.
func sinceStart() time.Duration { return time.Since(start) }
