//go:build unix

package writer

import "time"

// beatWindow is how long a heartbeat that reached the file system answers for
// those that follow.
const beatWindow = 100 * time.Millisecond

// window is the time after a successful heartbeat. It is never changed: a Unit
// gets another one, so that comparing pointers shows whether anything happened
// meanwhile.
type window struct{ end time.Duration } // as sinceStart counts

// covers reports whether now is in the window; nil is none.
func (w *window) covers(now time.Duration) bool { return w != nil && now < w.end }

// openWindow remembers a heartbeat that was made at now, unless a window was
// opened or ended since the caller saw the last one: a call that failed meanwhile must
// not be covered up.
func (u *Unit) openWindow(seen *window, now time.Duration) {
	if !u.anyOwner {
		u.recent.CompareAndSwap(seen, &window{now + beatWindow})
	}
}

// endWindow makes the next Beat look at the files.
func (u *Unit) endWindow() { u.recent.Store(new(window)) }

var start = time.Now()

// sinceStart is a clock that nobody sets, and cheaper to read than the time.
func sinceStart() time.Duration { return time.Since(start) }
