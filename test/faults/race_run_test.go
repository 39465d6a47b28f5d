//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// pair is two programs at once. One is stopped before each of its calls, and
// there the other runs through, or comes to wait for the lock that the first
// one holds.
type pair struct {
	name    string
	arrange func(w *world) encounter
}

type encounter struct {
	stopped []string                // the program that is stopped
	other   func()                  // what happens meanwhile
	judge   func(end ending) string // what is wrong afterwards; "" if nothing is
}

// TestPairs tries all orderings at the granularity of file-system calls.
func TestPairs(t *testing.T) {
	tracing(t)
	h := newHarness()
	h.meet(pairs())
	h.report(t)
}

func (h *harness) meet(list []pair) {
	var jobs []func()
	for _, p := range list {
		jobs = append(jobs, func() {
			calls := p.meet(h, 0)
			if calls < 3 { // what sees nothing proves nothing
				h.violated("%s: only %d calls were seen", p.name, calls)
			}
			for n := 1; n <= calls+1 && !h.enough(); n++ {
				if h.sampled(p.name, n, 4) {
					p.meet(h, n)
				}
			}
		})
	}
	h.run(jobs)
}

// pairsNamed picks pairs, for planted bugs.
func pairsNamed(name string) []pair {
	for _, p := range pairs() {
		if p.name == name {
			return []pair{p}
		}
	}
	panic("no pair " + name)
}

// meet runs the stopped program, and the other one before its call n; after its
// end if it makes fewer calls; not at all if n is 0. It gives the number of calls.
func (p *pair) meet(h *harness, n int) (calls int) {
	w := h.newWorld()
	defer w.close()
	e := p.arrange(w)
	locked := -1 // the descriptor with which the stopped program holds the lock
	done := make(chan struct{})
	var at call
	had, early := false, false // whether it ever had the lock; had it not, when it was stopped
	t := &tracer{argv: e.stopped, begin: ofInterest(w.runDir)}
	t.decide = func(c call) action {
		switch {
		case c.after && (c.name == "close" || c.unlocks) && c.fd == locked:
			locked = -1
		case c.after && c.name == "flock" && c.result == 0 && !c.unlocks:
			locked, had = c.fd, true
		case c.after || c.mark != "":
			return action{}
		}
		if !c.after {
			calls = c.n
			if c.n == n {
				at, early = c, !had
				w.meanwhile(e.other, done, locked >= 0)
			}
		}
		return action{}
	}
	end, err := t.run()
	if err != nil {
		h.violated("%s: the tracer: %v", p.name, err)
		return calls
	}
	if n == 0 {
		return calls
	}
	h.point()
	if at.n == 0 {
		w.meanwhile(e.other, done, false)
	}
	<-done
	end.early = early
	if wrong := e.judge(end); wrong != "" {
		h.violated("%s: stopped %v: %s (status %d, %q)", p.name, at, wrong, end.status, end.output)
	}
	return calls
}

// meanwhile runs other to its end; or, if it has to wait for the lock, until it
// is likely to wait. Should it be late, this ordering was tried as another one.
func (w *world) meanwhile(other func(), done chan struct{}, locked bool) {
	go func() {
		defer close(done)
		other()
	}()
	if !locked {
		<-done
		return
	}
	select {
	case <-done:
	case <-time.After(25 * time.Millisecond):
	}
}

// Judgements that several pairs share.

func (w *world) neverSet(ending) string {
	if ok, _ := w.healthy(); ok {
		return "healthy, though nobody set 0 for the process that is loaded"
	}
	return ""
}

func (w *world) isHealthy(ending) string {
	if ok, line := w.healthy(); !ok {
		return "the owner's last set was 0, but: " + line
	}
	return ""
}

func saidHealthy(end ending) string {
	if end.status != 0 {
		return "the probe said unhealthy, though 0 stood all the time"
	}
	return ""
}

func saidUnhealthy(end ending) string {
	if end.status != 1 {
		return "the probe said healthy, though at no time was it"
	}
	return ""
}

func (w *world) holds(values ...string) func(ending) string {
	return func(ending) string {
		held, _ := w.file("error")
		for _, v := range values {
			if held == v+"\n" {
				return ""
			}
		}
		return fmt.Sprintf("error holds %q, want one of %q", held, values)
	}
}

// allOrNothing wants a state that is whole: loaded, or not at all.
func (w *world) allOrNothing(ending) string {
	_, hasPid := w.file("pid")
	_, hasIdentity := w.file("identity")
	_, hasError := w.file("error")
	loaded, line := w.healthy("-live")
	if loaded != hasPid || hasPid != hasIdentity || hasError && !hasPid {
		return fmt.Sprintf("pid %v, identity %v, error %v: %s", hasPid, hasIdentity, hasError, line)
	}
	return ""
}

// anew removes the unit directory and makes another one, as an operator might
// while somebody has the lock of the old one.
func (w *world) anew() {
	must(os.RemoveAll(w.path()))
	must(os.MkdirAll(w.path(), 0o755)) // the stopped one may have made it just now
}

// ownedBy records a new process and gives it.
func (w *world) ownedBy(code string) *life {
	l := w.life()
	w.record(l.pid, l.start, code)
	return l
}

func (l *life) pidArg() string { return strconv.Itoa(l.pid) }
