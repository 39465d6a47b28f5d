//go:build linux

package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func newWatchdog(t *testing.T, limit time.Duration) (h *health, ended chan syscall.Signal) {
	t.Helper()
	ended = make(chan syscall.Signal, 2)
	h = newHealth(&watch{watchdog: limit}, nil, t.Logf, func(s syscall.Signal) { ended <- s })
	h.count()
	h.watchdog.Stop() // look is called here
	return h, ended
}

// TestWatchdog: what ends COMMAND, and what does not.
func TestWatchdog(t *testing.T) {
	const limit = time.Minute
	for _, test := range []struct {
		name     string
		silent   time.Duration // since the last heartbeat
		late     time.Duration // how late look is called: this process did not run
		stopping bool
		ends     bool
	}{
		{"a heartbeat just now", 0, 0, false, false},
		{"none for too long", limit + time.Second, 0, false, true},
		{"it was paused for an hour", time.Hour + 10*time.Second, time.Hour, false, false},
		{"it was paused, and had been silent before", time.Hour + limit + 2*time.Second, time.Hour, false, true},
		{"it stops, and takes longer", time.Hour, 0, true, false},
	} {
		h, ended := newWatchdog(t, limit)
		h.stopping = test.stopping
		h.lastBeat, h.due = time.Now().Add(-test.silent), time.Now().Add(-test.late)
		h.look()
		h.watchdog.Stop()
		if got := h.hung != ""; got != test.ends {
			t.Errorf("%s: ended: %v, want %v", test.name, got, test.ends)
		}
		if test.ends {
			if s := <-ended; s != syscall.SIGABRT {
				t.Errorf("%s: %v", test.name, s)
			}
		}
	}
}

// TestWatchdogAndChecks: between the answers of two checks, one of which gives none, is
// less time than the watchdog waits.
func TestWatchdogAndChecks(t *testing.T) {
	check := []requirement{{check: []string{"/check"}}}
	for _, w := range []*watch{
		{ready: check, every: 5 * time.Second, timeout: 2 * time.Second, watchdog: 3 * time.Second},
		{ready: check, every: 5 * time.Second, timeout: 2 * time.Second, watchdog: 30 * time.Second},
		{ready: check, every: time.Hour, timeout: time.Minute, watchdog: 61 * time.Second},
	} {
		if gap := 2*w.pause() + w.timeout; w.pause() <= 0 || gap >= w.watchdog {
			t.Errorf("%+v: asks every %v, so there may be %v between two answers", w, w.pause(), gap)
		}
	}
	none := false
	w := &watch{ready: check, timeout: 2 * time.Second, watchdog: 2 * time.Second, notifyAll: &none}
	if problem := w.problem(); !strings.Contains(problem, "-watchdog 2s must be longer than -ready-timeout 2s") {
		t.Errorf("problem: %q", problem)
	}
	if w := (&watch{ready: check, every: time.Hour}); w.pause() != time.Hour {
		t.Errorf("without -watchdog it asks every %v", w.pause())
	}
}

// TestCheckThatCannotBeKilled: that a check is late is known before its end, which may
// never come.
func TestCheckThatCannotBeKilled(t *testing.T) {
	s := &supervisor{watch: &watch{timeout: 10 * time.Millisecond}}
	late := make(chan bool, 1)
	finished := make(chan error, 1)
	go func() {
		_, _, err := s.runCheck([]string{"/bin/sleep", "600"}, func() { late <- true })
		finished <- err
	}()
	<-late
	select {
	case err := <-finished:
		t.Fatalf("it has ended without being reaped: %v", err)
	default:
	}
	for s.children.end() { // reaps it
		time.Sleep(time.Millisecond)
	}
	if err := <-finished; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// TestChildEndsAtOnce: a child may end before whoever starts it knows its pid.
func TestChildEndsAtOnce(t *testing.T) {
	c := children{starting: 1} // another is being started, so that what has ended is kept
	c.note(1<<30, 7<<8)
	if c.ended[1<<30].ExitStatus() != 7 {
		t.Errorf("%v", c.ended)
	}
	if pid, end, err := c.start("/nonexistent", []string{"x"}, &syscall.ProcAttr{}); err == nil {
		t.Errorf("%d %v", pid, end)
	}
	if c.starting != 1 {
		t.Errorf("%d are being started", c.starting)
	}
}

// TestSayNeverWaits: with nobody who reads standard error.
func TestSayNeverWaits(t *testing.T) {
	s := &supervisor{lines: make(chan func(), 1)}
	for range 3 {
		s.say("a line")
	}
	if len(s.lines) != 1 {
		t.Errorf("%d lines wait", len(s.lines))
	}
}

func TestWithout(t *testing.T) {
	if got := without([]string{"A=1", "AB=2", "A", "B=A=1", "A="}, "A", "C"); !slices.Equal(got, []string{"AB=2", "B=A=1"}) {
		t.Errorf("%q", got)
	}
}
