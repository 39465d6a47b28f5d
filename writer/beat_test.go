//go:build unix

package writer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// always is a window that covers every beat.
var always = &window{end: 1<<63 - 1}

// opened returns a loaded unit whose window is open for good.
func opened(t *testing.T, options ...Option) *Unit {
	t.Helper()
	u, err := Open(append([]Option{WithRunDir(t.TempDir()), WithName("web")}, options...)...)
	if err == nil {
		err = errors.Join(u.Load(t.Context()), u.Set(0))
	}
	if err != nil {
		t.Fatal(err)
	}
	u.recent.Store(always)
	return u
}

// TestBeatWindow: in the window a beat touches neither the files nor the lock,
// and allocates nothing; after it, it looks again.
func TestBeatWindow(t *testing.T) {
	u := opened(t)
	if err := os.RemoveAll(u.Dir()); err != nil {
		t.Fatal(err)
	}
	u.turn <- struct{}{} // nobody else gets a turn
	if n := testing.AllocsPerRun(100, func() {
		if err := u.Beat(); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	<-u.turn
	u.recent.Store(&window{end: sinceStart()})
	if err := u.Beat(); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("after the window: %v", err)
	}
}

// TestWindowOpens: a beat or a set of any code that worked opens a window of 100
// ms, counted from before it; none does for a unit that is opened for any owner.
func TestWindowOpens(t *testing.T) {
	for name, call := range map[string]func(u *Unit) error{
		"beat": (*Unit).Beat, "set 0": func(u *Unit) error { return u.Set(0) }, "set 3": func(u *Unit) error { return u.SetReason(3, "db") },
	} {
		u := opened(t)
		tool, err := Open(WithRunDir(u.RunDir()), WithName("web"), WithAnyOwner())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range []*Unit{u, tool} {
			u.endWindow()
			before := sinceStart()
			if err := call(u); err != nil {
				t.Fatal(name, err)
			}
			after, w := sinceStart(), u.recent.Load()
			switch {
			case u == tool && w.end != 0:
				t.Errorf("%s of any owner opened a window", name)
			case u != tool && (w.end < before+100*time.Millisecond || w.end > after+100*time.Millisecond):
				t.Errorf("%s: the window ends at %v, want 100 ms after %v to %v", name, w.end, before, after)
			}
		}
	}
}

// TestWindowEnds: whatever makes a heartbeat of before worthless, or fails, ends
// the window.
func TestWindowEnds(t *testing.T) {
	refused := Check{Name: "no", Run: func(context.Context) error { return ErrUnhealthy }}
	for name, call := range map[string]func(u *Unit) error{
		"load":         func(u *Unit) error { return u.Load(t.Context()) },
		"failed load":  func(u *Unit) error { u.Load(t.Context(), refused); return nil },
		"refused load": func(u *Unit) error { ctx, cancel := context.WithCancel(t.Context()); cancel(); u.Load(ctx); return nil },
		"reset":        (*Unit).Reset,
		"failed set":   func(u *Unit) error { u.Set(-1); return nil },
		"failed beat": func(u *Unit) error {
			os.Remove(filepath.Join(u.Dir(), "error"))
			u.recent.Store(&window{end: 1}) // over, but not ended
			u.Beat()
			return nil
		},
		"set that finds no unit": func(u *Unit) error {
			defer os.Rename(u.Dir()+".old", u.Dir())
			os.Rename(u.Dir(), u.Dir()+".old")
			u.Set(0)
			return nil
		},
	} {
		u := opened(t)
		if err := call(u); err != nil {
			t.Error(name, err)
		}
		if w := u.recent.Load(); w.end != 0 {
			t.Errorf("%s: the window is open until %v", name, w.end)
		}
	}
}

// TestWindowOfOvertakenBeat: a beat that was under way when something failed does
// not open a window after that.
func TestWindowOfOvertakenBeat(t *testing.T) {
	u := opened(t)
	before := u.recent.Load()
	u.endWindow()
	u.openWindow(before, sinceStart())
	if w := u.recent.Load(); w.end != 0 {
		t.Error("the window was opened again")
	}
	before = u.recent.Load()
	u.endWindow() // not the same as before, although it looks the same
	u.openWindow(before, sinceStart())
	if w := u.recent.Load(); w.end != 0 {
		t.Error("the window was opened again")
	}
}

// TestWindowClearedUnderLock: a beat between the start of a load or a reset and
// its removal of the files does not answer for those after.
func TestWindowClearedUnderLock(t *testing.T) {
	for name, call := range map[string]func(u *Unit) error{"load": func(u *Unit) error { return u.Load(t.Context()) }, "reset": (*Unit).Reset} {
		u := opened(t)
		d := mustLock(t, u.Dir())
		done := make(chan error)
		go func() { done <- call(u) }()
		for u.recent.Load() == always { // until the call has begun
			time.Sleep(time.Millisecond)
		}
		u.recent.Store(always) // a beat
		d.close()
		if err := <-done; err != nil {
			t.Error(name, err)
		}
		if w := u.recent.Load(); w.end != 0 {
			t.Errorf("%s: the window is still open", name)
		}
	}
}

// TestConcurrentBeats is for the race detector.
func TestConcurrentBeats(t *testing.T) {
	u := opened(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if err := u.Beat(); err != nil {
					t.Error(err)
				}
				u.recent.Store(&window{})
			}
		})
	}
	wg.Wait()
}
