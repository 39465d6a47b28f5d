//go:build linux && amd64

package faults

import "fmt"

// verdict is what the probe says, or may say.
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
	*world
	cmd      command
	where    string // what was done to it
	began    bool   // the first call has been seen
	changed  bool   // the verdict has been that of afterwards
	identity bool   // there was an identity file before
	foreign  bool   // there was a pid without identity: another writer's
	values   []string
	end      ending
	judged   bool // at the mark, while the process stood still
	helpless bool // nothing at all can be done about the fault
	noProc   bool // as if there were no /proc: then no identity is recorded
}

func (s *scenario) attempt(h *harness) *attempt {
	w := h.newWorld()
	a := &attempt{scenario: s, world: w, cmd: s.arrange(w)}
	if a.cmd.counts == nil {
		a.cmd.counts = ofInterest(w.runDir)
	}
	return a
}

func (a *attempt) trace(decide func(call) action) error {
	t := &tracer{argv: a.cmd.argv, cred: a.cmd.cred, pid: a.cmd.pid, start: a.cmd.start, begin: a.cmd.counts}
	t.decide = func(c call) action {
		if !a.began {
			a.began = true
			a.before()
		}
		if c.mark != "" { // the command's own work is done, and its process still lives
			a.finished(c.mark == "failed", true)
			a.judged = true
			return action{kind: kill}
		}
		return decide(c)
	}
	var err error
	a.end, err = t.run()
	if err != nil {
		a.fault("the tracer: %v", err)
	}
	return err
}

func (a *attempt) fault(format string, args ...any) {
	a.violated("%s: %s: %s", a.name, a.where, fmt.Sprintf(format, args...))
}

// before notes how things stand when nothing has been done yet.
func (a *attempt) before() {
	if is, line := a.ask(); is != a.scenario.before {
		a.fault("before anything is done the unit is %s, want %s: %s", is, a.scenario.before, line)
	}
	_, a.identity = a.file("identity")
	_, hasPid := a.file("pid")
	a.foreign = hasPid && !a.identity
	if was, exists := a.file("error"); exists {
		a.values = append(a.values, was)
	}
	if a.writes != "" {
		a.values = append(a.values, a.writes+"\n")
	}
}

func (a *attempt) ask() (verdict, string) {
	if ok, line := a.healthy(); !ok {
		return unhealthy, line
	}
	return healthy, ""
}

// during judges while the command stands still or has been killed: the verdict
// is that of before or that of after, and changes once.
func (a *attempt) during(frozen bool) {
	is, line := a.ask()
	switch {
	case is != a.scenario.before && is != a.after:
		a.fault("%s, and is so neither before nor after: %s", is, line)
	case frozen && a.changed && is != a.after:
		a.fault("%s once more: %s", is, line)
	}
	a.changed = a.changed || is != a.scenario.before
	a.files(false)
}

// finished judges a command that was not killed.
func (a *attempt) finished(failed, alive bool) {
	want := a.after
	switch {
	case failed && a.failed != "" && !a.helpless:
		want = a.failed
	case failed && a.scenario.before != a.after:
		want = either
	case !failed && a.refuses:
		a.fault("the command was to be refused, but worked")
		return
	}
	if a.own && !alive {
		want = unhealthy
	}
	if is, line := a.ask(); !want.allows(is) {
		a.fault("%s afterwards, want %s (failed: %v): %s", is, want, failed, line)
	}
	a.files(failed)
}

// files judges what the state files hold.
func (a *attempt) files(failed bool) {
	held, exists := a.file("error")
	whole := !exists || held == "" && a.failed == unhealthy && (failed || a.refuses) // withdrawn
	for _, v := range a.values {
		whole = whole || held == v
	}
	if !whole {
		a.fault("error holds %q, want one of %q", held, a.values)
	}
	_, hasPid := a.file("pid")
	_, hasIdentity := a.file("identity")
	if a.identity && !a.noProc && !hasIdentity && hasPid && held == "0\n" {
		a.fault("pid and 0 stand without identity: the next process with this pid would be healthy")
	}
}
