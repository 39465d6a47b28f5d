//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"strings"
)

// freeze runs the command once and probes before its first call and after each:
// the state after one call is the state before the next. It returns the calls.
func (s *scenario) freeze(h *harness) (calls []call) {
	a := s.attempt(h)
	defer a.close()
	a.where = "frozen"
	err := a.trace(func(c call) action {
		if !c.after {
			calls = append(calls, c)
			return action{}
		}
		if h.sampled(s.name, c.n, s.sampleFactor()) {
			a.where = "frozen " + c.String()
			h.countPoint()
			a.checkInterrupted(true)
		}
		return action{}
	})
	a.where = "undisturbed"
	if err != nil {
		return nil
	}
	if len(calls) == 0 || s.self && !a.markSeen { // a test that sees nothing proves nothing
		a.errorf("saw only %d calls, and its end: %v", len(calls), a.markSeen)
	}
	failed := a.end.status != 0
	if a.markSeen {
		failed = a.end.mark == "failed"
	} else {
		a.checkFinished(failed, false)
	}
	if failed != s.mustFail {
		a.errorf("status %d (%s): %q", a.end.status, a.end.mark, a.end.output)
	}
	a.checkError(failed)
	a.checkRecovery()
	return calls
}

// checkError checks that a failed command explains itself in one line. exec may
// print two, because it cannot undo what it has already done.
func (a *attempt) checkError(failed bool) {
	lines := strings.Count(a.end.output, "\n")
	if failed && a.end.status > 0 && (lines < 1 || lines > 2 || lines == 2 && !a.self) {
		a.errorf("want one line about the failure, got %q", a.end.output)
	}
	if a.end.hung {
		a.errorf("hung")
	}
}

// points returns a job for each call that the fault applies to.
func (s *scenario) points(h *harness, f *fault, calls []call) (jobs []func()) {
	for _, c := range calls {
		if f.applies(c) && h.sampled(s.name+f.name, c.n, f.oneOf*s.sampleFactor()) {
			jobs = append(jobs, func() { s.inject(h, f, c) })
		}
	}
	return jobs
}

// inject runs the command with the fault at call want.
func (s *scenario) inject(h *harness, f *fault, want call) {
	a := s.attempt(h)
	defer a.close()
	reached := false
	a.oldStateOK, a.noProc = f.oldStateOK, f.name == hiddenPersistently
	a.where = fmt.Sprintf("%s at call %d, %s %s", f.name, want.n, want.name, want.path)
	err := a.trace(func(c call) action {
		if c.n == want.n && c.name == want.name {
			reached = true
		}
		if !reached {
			return action{}
		}
		return f.actionFor(c, want.n)
	})
	if err != nil {
		return
	}
	if !reached {
		h.mu.Lock()
		h.missed++
		h.mu.Unlock()
		return
	}
	h.countPoint()
	switch {
	case a.markSeen:
		a.checkRetried(f, a.end.mark == "failed")
	case a.end.status == -1 && f.action.kind == kill && a.self:
		if is, _ := a.verdict(); is == healthy {
			a.errorf("healthy, though the process is dead")
		}
		a.checkFiles(false)
	case a.end.status == -1 && f.action.kind == kill:
		a.checkInterrupted(false)
		a.checkHalfLoaded()
	case a.end.status == -1:
		a.errorf("a signal ended it: %q", a.end.output)
	default:
		a.checkFinished(a.end.status != 0, false)
		a.checkRetried(f, a.end.status != 0)
	}
	a.checkError(a.end.status > 0)
	a.checkRecovery()
}

// checkRetried checks that the command survived a fault that a retry fixes.
func (a *attempt) checkRetried(f *fault, failed bool) {
	if f.retried && failed != a.mustFail {
		a.errorf("it failed instead of trying again: %q", a.end.output)
	}
}

// checkHalfLoaded checks that after an incomplete load, set cannot make the unit
// healthy without identity.
func (a *attempt) checkHalfLoaded() {
	if a.otherWriter {
		return
	}
	a.healthctl("set", "0")
	_, hasIdentity := a.readFile("identity")
	if is, _ := a.verdict(); is == healthy && !hasIdentity {
		a.errorf("after a set 0 the unit is healthy without identity")
	}
}

// checkRecovery checks that the next load and set work, whatever has happened.
func (a *attempt) checkRecovery() {
	if a.blocksLoad {
		return
	}
	owner := a.cmd.nextOwner
	for _, p := range a.processes {
		if p != owner {
			p.kill()
		}
	}
	if owner == nil {
		owner = a.startProcess()
	}
	if o := a.load(owner); o.status != 0 {
		a.errorf("the next load fails: %q", o.stderr)
		return
	}
	if is, _ := a.verdict(); is == healthy {
		a.errorf("healthy after the next load, before any set")
	}
	if o := a.healthctl("set", "0"); o.status != 0 {
		a.errorf("the next set fails: %q", o.stderr)
		return
	}
	if is, line := a.verdict(); is != healthy {
		a.errorf("unhealthy after the next set 0: %s", line)
	}
	left, err := os.ReadDir(a.path())
	must(err)
	if len(left) != 4 {
		a.errorf("want pid, identity, error and .lock after the next set, got %v", left)
	}
}
