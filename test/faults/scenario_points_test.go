//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"strings"
)

// freeze runs the command once and asks the probe before its first call and
// after each: what stands after one stands before the next. It gives the calls.
func (s *scenario) freeze(h *harness) (calls []call) {
	a := s.attempt(h)
	defer a.close()
	a.where = "frozen"
	err := a.trace(func(c call) action {
		if !c.after {
			calls = append(calls, c)
			return action{}
		}
		if h.sampled(s.name, c.n, s.rarer()) {
			a.where = "frozen " + c.String()
			h.point()
			a.during(true)
		}
		return action{}
	})
	a.where = "undisturbed"
	if err != nil {
		return nil
	}
	if len(calls) == 0 || s.own && !a.judged { // what sees nothing proves nothing
		a.fault("only %d calls were seen, and the end was seen: %v", len(calls), a.judged)
	}
	failed := a.end.status != 0
	if a.judged {
		failed = a.end.mark == "failed"
	} else {
		a.finished(failed, false)
	}
	if failed != s.refuses {
		a.fault("status %d (%s): %q", a.end.status, a.end.mark, a.end.output)
	}
	a.proves(failed)
	a.again()
	return calls
}

// proves holds a failure against the promise that it is reported. One failure
// is one line; exec, which cannot take back what it did, may have two.
func (a *attempt) proves(failed bool) {
	lines := strings.Count(a.end.output, "\n")
	if failed && a.end.status > 0 && (lines < 1 || lines > 2 || lines == 2 && !a.own) {
		a.fault("want one line about the failure, got %q", a.end.output)
	}
	if a.end.hung {
		a.fault("hung")
	}
}

// points gives a job for each call that the fault fits.
func (s *scenario) points(h *harness, f *fault, calls []call) (jobs []func()) {
	for _, c := range calls {
		if f.fits(c) && h.sampled(s.name+f.name, c.n, f.oneOf*s.rarer()) {
			jobs = append(jobs, func() { s.try(h, f, c) })
		}
	}
	return jobs
}

// try runs the command with the fault at call want.
func (s *scenario) try(h *harness, f *fault, want call) {
	a := s.attempt(h)
	defer a.close()
	reached := false
	a.helpless, a.noProc = f.helpless, f.name == hiddenAll
	a.where = fmt.Sprintf("%s at call %d, %s %s", f.name, want.n, want.name, want.path)
	err := a.trace(func(c call) action {
		if c.n == want.n && c.name == want.name {
			reached = true
		}
		if !reached {
			return action{}
		}
		return f.hit(c, want.n)
	})
	if err != nil {
		return
	}
	if !reached {
		h.mu.Lock()
		h.moved++
		h.mu.Unlock()
		return
	}
	h.point()
	switch {
	case a.judged:
		a.noticed(f, a.end.mark == "failed")
	case a.end.status == -1 && f.does.kind == kill && a.own:
		if is, _ := a.ask(); is == healthy {
			a.fault("healthy, though the process is dead")
		}
		a.files(false)
	case a.end.status == -1 && f.does.kind == kill:
		a.during(false)
		a.halfLoaded()
	case a.end.status == -1:
		a.fault("it died from a signal: %q", a.end.output)
	default:
		a.finished(a.end.status != 0, false)
		a.noticed(f, a.end.status != 0)
	}
	a.proves(a.end.status > 0)
	a.again()
}

func (a *attempt) noticed(f *fault, failed bool) {
	if f.nothing && failed != a.refuses {
		a.fault("it failed, but should have tried again: %q", a.end.output)
	}
}

// halfLoaded proves that a load that was killed before its end does not let a
// set through without the identity.
func (a *attempt) halfLoaded() {
	if a.foreign {
		return
	}
	a.healthctl("set", "0")
	_, hasIdentity := a.file("identity")
	if is, _ := a.ask(); is == healthy && !hasIdentity {
		a.fault("after a set 0 the unit is healthy without identity")
	}
}

// again proves that the next load and set work, whatever has happened.
func (a *attempt) again() {
	if a.broken {
		return
	}
	keeper := a.cmd.next
	for _, l := range a.lives {
		if l != keeper {
			l.end()
		}
	}
	if keeper == nil {
		keeper = a.life()
	}
	if o := a.load(keeper); o.status != 0 {
		a.fault("the next load fails: %q", o.stderr)
		return
	}
	if is, _ := a.ask(); is == healthy {
		a.fault("healthy after the next load, before any set")
	}
	if o := a.healthctl("set", "0"); o.status != 0 {
		a.fault("the next set fails: %q", o.stderr)
		return
	}
	if is, line := a.ask(); is != healthy {
		a.fault("unhealthy after the next set 0: %s", line)
	}
	left, err := os.ReadDir(a.path())
	must(err)
	if len(left) != 3 {
		a.fault("pid, identity and error are to stand after the next set, not %v", left)
	}
}
