//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// runScenario is healthctl run with the application as COMMAND, from its start to its
// end, and what it finds. Two processes are under test: run itself and its child, until
// that has become COMMAND.
type runScenario struct {
	name    string
	flags   []string
	steps   []string // of the application; the time limit is added to those that wait
	arrange func(f *fixture)
	onChild func(f *fixture, pid int)
	refused bool // another live process owns the unit
	similar bool // to another scenario: the short form tries fewer points
}

func runScenarios() []runScenario {
	notifies, waits := []string{"-ready", "notify"}, []string{"awaits:"}
	stale := func(f *fixture) {
		f.record(f.deadPid(), "1", "0")
		f.writeFile("reason", "0 left\n")
	}
	return []runScenario{
		{name: "run", steps: waits, similar: true},
		{name: "run, same pid reused", steps: waits, arrange: stale, onChild: func(f *fixture, pid int) { f.record(pid, "1", "0") }, similar: true},
		{name: "run that is notified", flags: notifies, steps: []string{"notify:READY=1", "awaits:", "notify:STOPPING=1", "loses:"}},
		{name: "run that is notified, of a killed run", flags: notifies, steps: []string{"notify:STATUS=loading", "notify:READY=1", "awaits:"},
			arrange: func(f *fixture) {
				stale(f)
				must(socket(f.path("notify")))
			}, similar: true},
		{name: "run with checks", flags: []string{"-check", lookPath("true"), "-ready", lookPath("true"), "-ready-every", "10ms"}, steps: waits, similar: true},
		{name: "run, another live owner", flags: notifies, steps: []string{"notify:READY=1", "awaits:"}, refused: true, similar: true, arrange: func(f *fixture) {
			f.recordOwner("0")
			must(socket(f.path("notify")))
		}},
	}
}

// TestRun stops healthctl run, and its child, at each of their calls, and injects each
// fault there.
func TestRun(t *testing.T) {
	requirePtrace(t)
	h := newHarness(t)
	h.runRuns(runScenarios())
	h.report(t)
}

func (h *harness) runRuns(list []runScenario) {
	var all []traceable
	for i := range list {
		all = append(all, &list[i])
	}
	h.runTraced(all)
}

// sampleFactor is as for scenario.
func (s *runScenario) sampleFactor() int {
	if s.similar {
		return 8
	}
	return 1
}

func (s *runScenario) points(h *harness, f *fault, calls []call) (jobs []func()) {
	for _, c := range calls {
		if f.name == killedAfter && c.name == "execve" { // it has become another program by then
			continue
		}
		if f.applies(c) && h.sampled(s.name+f.name+c.by, c.n, f.oneOf, s.sampleFactor()) {
			jobs = append(jobs, func() { s.inject(h, f, c) })
		}
	}
	return jobs
}

// runAttempt is one traced run.
type runAttempt struct {
	*runScenario
	*fixture
	where  string
	tracer *tracer
	end    traceResult

	hadSocket  bool // of a run before
	persistent bool // the fault
}

// attempt arranges a run, in which COMMAND waits for limit at most.
func (s *runScenario) attempt(h *harness, limit time.Duration, decide func(a *runAttempt, c call) action) *runAttempt {
	a := &runAttempt{runScenario: s, fixture: h.newFixture()}
	if s.arrange != nil {
		s.arrange(a.fixture)
	}
	_, err := os.Lstat(a.path("notify"))
	a.hadSocket = err == nil
	own := isOwnWork(a.runDir)
	a.tracer = &tracer{
		argv:      a.runArgs(limit),
		follows:   true,
		countFrom: func(path string) bool { return path == "/proc/self/environ" || own(path) },
		decide: func(c call) action {
			if c.mark != "" {
				return action{}
			}
			return decide(a, c)
		},
	}
	if s.onChild != nil {
		a.tracer.onChild = func(pid int) { s.onChild(a.fixture, pid) }
	}
	return a
}

// runArgs is healthctl run with the application as COMMAND.
func (a *runAttempt) runArgs(limit time.Duration) []string {
	argv := append(a.ctlArgs("run", a.flags...), "--", a.app, a.runDir, a.unit)
	for _, step := range a.steps {
		if step == "awaits:" || step == "loses:" {
			step += limit.String()
		}
		argv = append(argv, step)
	}
	return argv
}

func (a *runAttempt) errorf(format string, args ...any) {
	a.violationf("%s: %s: %s", a.name, a.where, fmt.Sprintf(format, args...))
}

// trace runs it, and waits until COMMAND has ended too.
func (a *runAttempt) trace() bool {
	end, err := a.tracer.run()
	a.end = end
	if err != nil {
		a.errorf("the tracer: %v", err)
		return false
	}
	if end.hung {
		a.errorf("hung: %q", end.output)
	}
	for deadline := time.Now().Add(hangTimeout / 6); end.child != 0 && alive(end.child); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			a.errorf("run has ended, but COMMAND, pid %d, has not", end.child)
			unix.Kill(end.child, unix.SIGKILL)
			break
		}
	}
	return true
}

// alive reports whether a process has not ended, with all of its threads. It may not have
// been reaped.
func alive(pid int) bool {
	fields := stat(pid)
	if fields == nil || fields[0] == "X" {
		return false
	}
	threads := fields[20-3]
	return fields[0] != "Z" || threads != "0" && threads != "1"
}

// checkVerdict checks that a healthy unit is so by what COMMAND has done: it runs, and has
// sent READY=1 if run listens.
func (a *runAttempt) checkVerdict() {
	is, _ := a.healthy()
	switch {
	case a.refused && !is:
		a.errorf("another process's unit is unhealthy")
	case a.refused || !is:
		return
	}
	if _, err := os.Stat(a.runDir + "/said"); slices.Contains(a.flags, "notify") && err != nil {
		a.errorf("healthy, though COMMAND has not said so")
	}
	if exe, _ := os.Readlink(fmt.Sprintf("/proc/%s/exe", a.recordedPid())); exe == a.ctl {
		a.errorf("healthy, though COMMAND has not been executed")
	}
}

func (a *runAttempt) recordedPid() string {
	held, _ := a.readFile("pid")
	return strings.TrimSpace(held)
}

// checkEnd checks what is left after the end of run and COMMAND.
func (a *runAttempt) checkEnd() {
	if is, _ := a.healthy(); is != a.refused {
		a.errorf("healthy after the end: %v", is)
	}
	lines, most := strings.Count(a.end.output, "\n"), 2
	if a.persistent {
		most = 4 // the link, the code, the socket and the reset
	}
	if lines > most || lines == 0 && a.end.status != 0 && a.end.status != 3 && a.end.status != 128+int(unix.SIGKILL) && a.end.status != -1 {
		a.errorf("status %d, and want one line about it, or two, got %q", a.end.status, a.end.output)
	}
	if a.refused {
		if _, err := os.Lstat(a.path("notify")); err != nil {
			a.errorf("the other process's socket: %v", err)
		}
	}
}

// checkReset checks that nothing of COMMAND is left. A socket from before is not its own
// until it has loaded.
func (a *runAttempt) checkReset() {
	left := a.left()
	if a.hadSocket && a.end.status != 0 {
		left = slices.DeleteFunc(left, func(name string) bool { return name == "notify" })
	}
	if len(left) > 0 && !a.refused {
		a.errorf("status %d, %q, and this is left: %v", a.end.status, a.end.output, left)
	}
}

// left returns the files of the unit, but for the lock.
func (f *fixture) left() (names []string) {
	entries, _ := os.ReadDir(f.path())
	for _, e := range entries {
		if e.Name() != ".lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

// checkRecovery checks that the next run works, whatever has happened.
func (a *runAttempt) checkRecovery() {
	for _, p := range a.processes {
		p.kill()
	}
	os.Remove(a.runDir + "/said")
	o := a.fixture.command(a.runArgs(hangTimeout / 2)...)
	if o.status != 0 || o.stderr != "" {
		a.errorf("the next run: status %d, %q", o.status, o.stderr)
	}
	if left := a.left(); len(left) > 0 {
		a.errorf("the next run leaves %v", left)
	}
}

// freeze runs it once and probes at its calls, which it returns.
func (s *runScenario) freeze(h *harness) (calls []call) {
	a := s.attempt(h, hangTimeout/2, func(a *runAttempt, c call) action {
		if !c.after {
			calls = append(calls, c)
			return action{}
		}
		if h.sampled(s.name, c.n, 3, s.sampleFactor()) {
			a.where = "frozen " + c.String()
			h.countPoint()
			a.checkVerdict()
		}
		return action{}
	})
	defer a.close()
	a.where = "frozen"
	if !a.trace() {
		return nil
	}
	a.where = "undisturbed"
	byChild := 0
	for _, c := range calls {
		if c.by != "" {
			byChild++
		}
	}
	if byChild < 10 || len(calls)-byChild < 10 { // a test that sees nothing proves nothing
		a.errorf("saw only %d calls of run and %d of its child", len(calls)-byChild, byChild)
	}
	want := 0
	if s.refused {
		want = 1
	}
	if a.end.status != want || (a.end.output == "") != (want == 0) {
		a.errorf("status %d, want %d: %q", a.end.status, want, a.end.output)
	}
	a.checkEnd()
	a.checkReset()
	a.checkRecovery()
	return calls
}

// inject runs it with the fault at call want of run or of its child.
func (s *runScenario) inject(h *harness, f *fault, want call) {
	limit := hangTimeout / 4
	if f.persistent || f.nextErrno != 0 {
		limit = 300 * time.Millisecond
	}
	reached := false
	a := s.attempt(h, limit, func(a *runAttempt, c call) action {
		if c.by != want.by {
			return action{}
		}
		if c.n == want.n && c.name == want.name {
			reached = true
		}
		if !reached {
			return action{}
		}
		return f.actionFor(c, want.n)
	})
	defer a.close()
	a.persistent = f.persistent
	want.after = f.name == killedAfter
	a.where = f.name + " at " + want.String()
	if !a.trace() {
		return
	}
	if !reached {
		h.mu.Lock()
		h.missed++
		h.mu.Unlock()
		return
	}
	h.countPoint()
	a.checkEnd()
	switch {
	case f.action.kind == kill && want.by == "":
		if a.end.status != -1 {
			a.errorf("it was killed, and has status %d", a.end.status)
		}
	case f.action.kind == kill:
		if a.end.status != 128+int(unix.SIGKILL) {
			a.errorf("status %d, want that of SIGKILL: %q", a.end.status, a.end.output)
		}
		a.checkReset()
	default:
		a.checkFailed(f)
	}
	a.checkRecovery()
}

// checkFailed checks the end of a run in which a call has failed.
func (a *runAttempt) checkFailed(f *fault) {
	switch {
	case a.end.status == -1:
		a.errorf("a signal ended it: %q", a.end.output)
	case a.end.status == 3 && !f.persistent && f.nextErrno == 0:
		a.errorf("COMMAND does not become healthy: %q", a.end.output)
	case a.end.status == 3 && a.end.output == "":
		a.errorf("COMMAND does not become healthy, and nothing says why")
	case f.retried && (a.end.status == 0) == a.refused:
		a.errorf("it failed instead of trying again: status %d, %q", a.end.status, a.end.output)
	}
	if a.end.output == "" {
		a.checkReset()
	}
}
