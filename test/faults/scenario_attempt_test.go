//go:build linux && amd64

package faults

import "fmt"

// verdict is what the probe reports, or may report.
type verdict string

const (
	healthy   verdict = "healthy"
	unhealthy verdict = "unhealthy"
	either    verdict = "healthy or unhealthy"
)

func (v verdict) allows(is verdict) bool { return v == either || v == is }

// attempt is one traced run of a scenario's command.
type attempt struct {
	*scenario
	*fixture
	cmd          command
	where        string   // what was done to the command, for messages
	began        bool     // the first call has been seen
	changed      bool     // the verdict has changed to that of after
	hadIdentity  bool     // identity existed before the command
	otherWriter  bool     // before, pid existed without identity: another writer loaded
	allowedCodes []string // possible contents of error
	end          traceResult
	markSeen     bool // judged at the mark, while the process was stopped
	oldStateOK   bool // as for fault
	noProc       bool // the fault hides /proc, so no identity is recorded
}

func (s *scenario) attempt(h *harness) *attempt {
	f := h.newFixture()
	a := &attempt{scenario: s, fixture: f, cmd: s.arrange(f)}
	if a.cmd.countFrom == nil {
		a.cmd.countFrom = isOwnWork(f.runDir)
	}
	return a
}

func (a *attempt) trace(decide func(call) action) error {
	t := &tracer{argv: a.cmd.argv, cred: a.cmd.cred, pid: a.cmd.pid, onStart: a.cmd.onStart, countFrom: a.cmd.countFrom}
	t.decide = func(c call) action {
		if !a.began {
			a.began = true
			a.checkBefore()
		}
		if c.mark != "" { // the command has done its work, and its process is still alive
			a.checkFinished(c.mark == "failed", true)
			a.markSeen = true
			return action{kind: kill}
		}
		return decide(c)
	}
	var err error
	a.end, err = t.run()
	if err != nil {
		a.errorf("the tracer: %v", err)
	}
	return err
}

func (a *attempt) errorf(format string, args ...any) {
	a.violationf("%s: %s: %s", a.name, a.where, fmt.Sprintf(format, args...))
}

// checkBefore checks the verdict before the command, and notes the state files.
func (a *attempt) checkBefore() {
	if is, line := a.verdict(); is != a.before {
		a.errorf("before the command the unit is %s, want %s: %s", is, a.before, line)
	}
	_, a.hadIdentity = a.readFile("identity")
	_, hasPid := a.readFile("pid")
	a.otherWriter = hasPid && !a.hadIdentity
	if was, exists := a.readFile("error"); exists {
		a.allowedCodes = append(a.allowedCodes, was)
	}
	if a.code != "" {
		a.allowedCodes = append(a.allowedCodes, a.code+"\n")
	}
}

func (a *attempt) verdict() (verdict, string) {
	if ok, line := a.healthy(); !ok {
		return unhealthy, line
	}
	return healthy, ""
}

// checkInterrupted checks the verdict while the command is stopped or after it
// was killed. It must be the one before or the one after, and change at most once.
func (a *attempt) checkInterrupted(frozen bool) {
	is, line := a.verdict()
	switch {
	case is != a.before && is != a.after:
		a.errorf("%s, unlike both before and after: %s", is, line)
	case frozen && a.changed && is != a.after:
		a.errorf("%s again after the verdict had changed: %s", is, line)
	}
	a.changed = a.changed || is != a.before
	a.checkFiles(false)
}

// checkFinished checks the verdict after a command that was not killed.
func (a *attempt) checkFinished(failed, alive bool) {
	want := a.after
	switch {
	case failed && a.onFailure != "" && !a.oldStateOK:
		want = a.onFailure
	case failed && a.before != a.after:
		want = either
	case !failed && a.mustFail:
		a.errorf("the command should have failed, but succeeded")
		return
	}
	if a.self && !alive {
		want = unhealthy
	}
	if is, line := a.verdict(); !want.allows(is) {
		a.errorf("%s afterwards, want %s (failed: %v): %s", is, want, failed, line)
	}
	a.checkFiles(failed)
}

// checkFiles checks the content of the state files.
func (a *attempt) checkFiles(failed bool) {
	held, exists := a.readFile("error")
	whole := !exists || held == "" && a.onFailure == unhealthy && (failed || a.mustFail) // 0 was invalidated
	for _, v := range a.allowedCodes {
		whole = whole || held == v
	}
	if !whole {
		a.errorf("error holds %q, want one of %q", held, a.allowedCodes)
	}
	_, hasPid := a.readFile("pid")
	_, hasIdentity := a.readFile("identity")
	if a.hadIdentity && !a.noProc && !hasIdentity && hasPid && held == "0\n" {
		a.errorf("pid and 0 are left without identity: the next process with this pid would be healthy")
	}
}
