//go:build linux && amd64

package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// scenario is a command, the state that it finds, and the verdict before and
// after it. What the probe may report in between follows from these two.
type scenario struct {
	name       string
	arrange    func(f *fixture) command
	before     verdict
	after      verdict
	onFailure  verdict // the verdict after the command has reported failure; "": before or after
	code       string  // that the command records; "": none
	mustFail   bool    // the command must fail even without a fault
	self       bool    // the command runs in the recorded process, which ends with it
	blocksLoad bool    // the next load fails too, because something is in its way
	similar    bool    // to another scenario: fewer points are tried
	oneWay     bool    // there is but one way to clear the old state, which may stay if that fails as well
}

// sampleFactor returns how many times fewer points are tried.
func (s *scenario) sampleFactor() int {
	if s.similar {
		return 8
	}
	return 1
}

// command is a scenario's command, ready to run.
type command struct {
	argv      []string
	nextOwner *process               // the process for the next load; nil: a new one
	cred      *syscall.Credential    // the user who runs it; nil: root
	pid       int                    // the pid that it must get; 0: any
	onStart   func(pid int)          // called with the command's pid before it runs
	countFrom func(path string) bool // as for tracer; nil: isOwnWork
}

func scenarios() (all []scenario) {
	for _, list := range [][]scenario{loads(), sets(), resets(), applications()} {
		all = append(all, list...)
	}
	return all
}

// TestScenarios stops each command at its file-system calls and injects each
// fault there.
func TestScenarios(t *testing.T) {
	requirePtrace(t)
	h := newHarness(t)
	h.runScenarios(scenarios())
	h.report(t)
}

func (h *harness) runScenarios(list []scenario) {
	var all []traceable
	for i := range list {
		all = append(all, &list[i])
	}
	h.runTraced(all)
}

// traceable is a command that is stopped at its calls, or has a fault injected there.
type traceable interface {
	freeze(h *harness) []call
	points(h *harness, f *fault, calls []call) []func()
}

// runTraced freezes each command at its calls, which also tells which calls it
// makes, and then injects the faults.
func (h *harness) runTraced(list []traceable) {
	calls := make([][]call, len(list))
	var freezes, points []func()
	for i, s := range list {
		freezes = append(freezes, func() { calls[i] = s.freeze(h) })
	}
	h.run(freezes)
	for i, s := range list {
		for j := range faults {
			points = append(points, s.points(h, &faults[j], calls[i])...)
		}
	}
	h.run(points)
}

// scenariosNamed returns some of the scenarios, for the mutants.
func scenariosNamed(names ...string) (list []scenario) {
	for _, name := range names {
		found := false
		for _, s := range scenarios() {
			if s.name == name {
				list = append(list, s)
				found = true
			}
		}
		if !found {
			panic("no scenario " + name)
		}
	}
	return list
}

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
	return &attempt{scenario: s, fixture: f, cmd: s.arrange(f)}
}

func (a *attempt) trace(decide func(call) action) (err error) {
	for range 10 {
		if err = a.traceOnce(decide); !errors.Is(err, errPidTaken) {
			break
		}
		a.cmd = a.arrange(a.fixture) // which needs another pid
	}
	if err != nil {
		a.errorf("the tracer: %v", err)
	}
	return err
}

func (a *attempt) traceOnce(decide func(call) action) (err error) {
	t := &tracer{argv: a.cmd.argv, cred: a.cmd.cred, pid: a.cmd.pid, onStart: a.cmd.onStart, countFrom: a.cmd.countFrom}
	if t.countFrom == nil {
		t.countFrom = isOwnWork(a.runDir)
	}
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
	a.end, err = t.run()
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
		if h.sampled(s.name, c.n, 3, s.sampleFactor()) {
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
		if f.applies(c) && h.sampled(s.name+f.name, c.n, f.oneOf, s.sampleFactor()) {
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
	if s.oneWay && filepath.Base(want.path) == "error" {
		a.oldStateOK = true
	}
	if s.self && f.action.errno == unix.EMFILE { // it knows its files without opening them
		a.oldStateOK = false
	}
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

// fault is what happens to one call of a command, or to that call and all later
// ones.
type fault struct {
	name       string
	action     action
	applies    func(call) bool // reports whether this can happen to a call
	persistent bool            // it also happens to all later calls that it applies to
	nextErrno  unix.Errno      // after a short write: the error of the next write
	retried    bool            // a correct program tries again and succeeds

	// The old state may remain, even if the code to set was not 0, because the
	// command can do nothing about the fault or must not act.
	oldStateOK bool

	oneOf int // the short form tries one of so many points
}

// Names of the faults that need special treatment.
const (
	killedAfter        = "killed after"
	hiddenPersistently = "hidden (persistent)"
)

var faults = []fault{
	{name: "killed before", action: action{kind: kill}, applies: anyCall, oneOf: 19},
	{name: killedAfter, action: action{kind: kill}, applies: anyCall, oneOf: 37},
	{name: "EIO", action: action{kind: fail, errno: unix.EIO}, applies: mayFail, oneOf: 19},
	{name: "EIO (persistent)", action: action{kind: fail, errno: unix.EIO}, applies: mayFail, persistent: true, oldStateOK: true, oneOf: 37},
	{name: "ENOSPC", action: action{kind: fail, errno: unix.ENOSPC}, applies: changes, oneOf: 11},
	{name: "ENOSPC (persistent)", action: action{kind: fail, errno: unix.ENOSPC}, applies: needsSpace, persistent: true, oneOf: 11},
	{name: "EDQUOT", action: action{kind: fail, errno: unix.EDQUOT}, applies: changes, oneOf: 37},
	{name: "EROFS", action: action{kind: fail, errno: unix.EROFS}, applies: changes, oneOf: 31},
	{name: "EROFS (persistent)", action: action{kind: fail, errno: unix.EROFS}, applies: changes, persistent: true, oldStateOK: true, oneOf: 37},
	{name: "EMFILE", action: action{kind: fail, errno: unix.EMFILE}, applies: opens, oneOf: 31},
	{name: "EMFILE (persistent)", action: action{kind: fail, errno: unix.EMFILE}, applies: opens, persistent: true, oldStateOK: true, oneOf: 37},
	{name: "EINTR", action: action{kind: fail, errno: unix.EINTR}, applies: interruptible, retried: true, oneOf: 31},
	{name: "done but reported as EIO", action: action{kind: failAfter, errno: unix.EIO}, applies: changesOrCloses, oneOf: 19},
	{name: "short write", action: action{kind: short}, applies: writes, retried: true, oneOf: 5},
	{name: "short write, then ENOSPC", action: action{kind: short}, applies: writes, nextErrno: unix.ENOSPC, oneOf: 5},
	// With hidepid there is no stat file of another user's process, and a signal
	// to it fails with EPERM.
	{name: "hidden", action: action{kind: fail, errno: unix.ENOENT}, applies: opensStat, oldStateOK: true, oneOf: 5},
	{name: hiddenPersistently, action: action{kind: fail, errno: unix.ENOENT}, applies: opensStat, persistent: true, oldStateOK: true, oneOf: 5},
	{name: "EPERM", action: action{kind: fail, errno: unix.EPERM}, applies: signals, oneOf: 3},
}

func anyCall(call) bool   { return true }
func changes(c call) bool { return c.changes }

// needsSpace reports whether a full disk can fail the call. It can still truncate
// and remove files.
func needsSpace(c call) bool {
	return writes(c) || opens(c) && c.changes || c.name == "mkdir" || c.name == "mkdirat"
}

func writes(c call) bool  { return c.name == "write" || c.name == "pwrite64" }
func opens(c call) bool   { return c.name == "open" || c.name == "openat" || c.name == "openat2" }
func signals(c call) bool { return c.name == "kill" }

func opensStat(c call) bool { return opens(c) && isStat(c.path) }

// mayFail reports whether the call can fail with an I/O error and do nothing. That
// excludes close, which closes even if it fails, and kill, which does no I/O.
func mayFail(c call) bool { return c.name != "close" && c.name != "kill" }

func interruptible(c call) bool { return mayFail(c) && c.name != "execve" && !makesSocket(c) }

func makesSocket(c call) bool {
	return c.name == "socket" || c.name == "socketpair" || c.name == "bind" || c.name == "setsockopt"
}

func changesOrCloses(c call) bool { return c.changes || c.name == "close" || c.name == "flock" }

// actionFor returns the action for call c of a fault that begins at call n.
func (f *fault) actionFor(c call, n int) action {
	switch {
	case f.name == killedAfter:
		if c.after && c.n == n {
			return f.action
		}
	case c.after:
	case c.n == n, f.persistent && c.n > n && f.applies(c):
		return f.action
	case f.nextErrno != 0 && c.n > n && writes(c):
		return action{kind: fail, errno: f.nextErrno}
	}
	return action{}
}
