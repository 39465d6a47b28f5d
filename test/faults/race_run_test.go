//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// race is two programs at once. One is stopped before each of its calls in turn.
// There the other runs to its end, or until it waits for the lock that the stopped
// one holds. A name is the stopped program "while" the other one runs.
type race struct {
	name    string
	arrange func(f *fixture) racers
}

// racers is a race, ready to run.
type racers struct {
	stopped []string                     // the program that is stopped, with its arguments
	other   func()                       // runs what happens meanwhile
	check   func(end traceResult) string // returns what is wrong afterwards, or ""
}

// TestRaces tries the orderings of two programs, at the granularity of file-system
// calls.
func TestRaces(t *testing.T) {
	requirePtrace(t)
	h := newHarness(t)
	h.runRaces(races())
	h.report(t)
}

func (h *harness) runRaces(list []race) {
	var jobs []func()
	for _, r := range list {
		jobs = append(jobs, func() {
			calls := r.run(h, 0)
			if calls < 3 { // a test that sees nothing proves nothing
				h.violationf("%s: saw only %d calls", r.name, calls)
			}
			for n := 1; n <= calls+1 && !h.enough(); n++ {
				if h.sampled(r.name, n, 4) {
					r.run(h, n)
				}
			}
		})
	}
	h.run(jobs)
}

// raceNamed returns one race, for the mutants.
func raceNamed(name string) []race {
	for _, r := range races() {
		if r.name == name {
			return []race{r}
		}
	}
	panic("no race " + name)
}

// run runs one program and stops it before call n to run the other one. If it makes
// fewer calls, the other one runs afterwards; if n is 0, not at all. run returns the
// number of calls.
func (r *race) run(h *harness, n int) (calls int) {
	f := h.newFixture()
	defer f.close()
	both := r.arrange(f)
	locked := -1 // the descriptor that holds the lock for the stopped program
	done := make(chan struct{})
	var at call
	had, beforeLock := false, false // whether it ever held the lock; stopped before it did
	t := &tracer{argv: both.stopped, countFrom: isOwnWork(f.runDir)}
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
				at, beforeLock = c, !had
				f.runOther(both.other, done, locked >= 0)
			}
		}
		return action{}
	}
	end, err := t.run()
	if err != nil {
		h.violationf("%s: the tracer: %v", r.name, err)
		return calls
	}
	if n == 0 {
		return calls
	}
	h.countPoint()
	if at.n == 0 {
		f.runOther(both.other, done, false)
	}
	<-done
	end.beforeLock = beforeLock
	if wrong := both.check(end); wrong != "" {
		h.violationf("%s: stopped %v: %s (status %d, %q)", r.name, at, wrong, end.status, end.output)
	}
	return calls
}

// runOther runs other to its end or, if the lock is held, until it probably waits
// for it. If it is slower than that, it merely runs in an ordering that another
// point tries as well.
func (f *fixture) runOther(other func(), done chan struct{}, locked bool) {
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

// Checks that several races share. They return what is wrong, or "".

func (f *fixture) checkNeverSet(traceResult) string {
	if ok, _ := f.healthy(); ok {
		return "healthy, though nobody set 0 for the process that is loaded"
	}
	return ""
}

func (f *fixture) checkHealthy(traceResult) string {
	if ok, line := f.healthy(); !ok {
		return "the owner's last set was 0, but the probe prints: " + line
	}
	return ""
}

func probeSaidHealthy(end traceResult) string {
	if end.status != 0 {
		return "the probe reported unhealthy, though error was 0 all the time"
	}
	return ""
}

func probeSaidUnhealthy(end traceResult) string {
	if end.status != 1 {
		return "the probe reported healthy, though the unit never was"
	}
	return ""
}

func (f *fixture) checkCode(values ...string) func(traceResult) string {
	return func(traceResult) string {
		held, _ := f.readFile("error")
		for _, v := range values {
			if held == v+"\n" {
				return ""
			}
		}
		return fmt.Sprintf("error holds %q, want one of %q", held, values)
	}
}

// checkAllOrNothing checks that the unit is completely loaded, or not at all.
func (f *fixture) checkAllOrNothing(traceResult) string {
	_, hasPid := f.readFile("pid")
	_, hasIdentity := f.readFile("identity")
	_, hasError := f.readFile("error")
	loaded, line := f.healthy("-live")
	if loaded != hasPid || hasPid != hasIdentity || hasError && !hasPid {
		return fmt.Sprintf("pid %v, identity %v, error %v: %s", hasPid, hasIdentity, hasError, line)
	}
	return ""
}

// recreate removes the unit directory and makes a new one, as an operator might
// while a program holds the lock of the old one.
func (f *fixture) recreate() {
	must(os.RemoveAll(f.path()))
	must(os.MkdirAll(f.path(), 0o755)) // the stopped program may have made it just now
}

// recordOwner starts a process, records it as the owner, with a code, and returns
// it.
func (f *fixture) recordOwner(code string) *process {
	p := f.startProcess()
	f.record(p.pid, p.start, code)
	return p
}

func (p *process) pidArg() string { return strconv.Itoa(p.pid) }
