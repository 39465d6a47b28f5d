//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
				if h.sampled(r.name, n, 11, 1) {
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
	var at, last call
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
			calls, last = c.n, c
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
		// Whoever sees the lock released must not find the command still running.
		if command := both.stopped; command[0] == f.ctl && command[1] != "exec" && had && !last.unlocks {
			h.violationf("%s: %v after the lock was released for good", r.name, last)
		}
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

func races() (all []race) {
	for _, list := range [][]race{handovers(), concurrentWrites(), concurrentProbes()} {
		all = append(all, list...)
	}
	return all
}

// handovers are races in which the unit passes from one process to another.
func handovers() []race {
	return []race{
		{"two loads", func(f *fixture) racers {
			a, b := f.startProcess(), f.startProcess()
			second := false
			return racers{
				stopped: f.ctlArgs("load", "-pid", a.pidArg()),
				other:   func() { second = f.load(b).status == 0 },
				check: func(end traceResult) string {
					switch first := end.status == 0; {
					case first && second:
						return "two live processes were told that they own the unit"
					case !first && !second:
						return "neither got the unit"
					}
					if ok, _ := f.healthy("-live"); !ok {
						return "the one that got the unit is not recorded"
					}
					return f.checkNeverSet(end)
				},
			}
		}},
		{"load while another process loads, sets 0 and dies", func(f *fixture) racers {
			a, b := f.startProcess(), f.startProcess()
			return racers{
				stopped: f.ctlArgs("load", "-pid", a.pidArg()),
				other: func() {
					f.load(b)
					f.healthctl("set", "-pid", b.pidArg(), "0")
					b.kill()
				},
				check: f.checkNeverSet,
			}
		}},
		{"late set 0 while the next process loads", func(f *fixture) racers {
			a, b := f.recordOwner(""), f.startProcess()
			return racers{
				stopped: f.ctlArgs("set", "-pid", a.pidArg(), "0"),
				other: func() {
					a.kill()
					f.load(b)
				},
				check: f.checkNeverSet,
			}
		}},
		{"load while the previous process still sets 0", func(f *fixture) racers {
			a, b := f.recordOwner("0"), f.startProcess()
			a.kill()
			return racers{
				stopped: f.ctlArgs("load", "-pid", b.pidArg()),
				other:   func() { f.healthctl("set", "-pid", a.pidArg(), "0") },
				check:   f.checkNeverSet,
			}
		}},
		{"reset while the next process loads and sets 0", func(f *fixture) racers {
			a, b := f.recordOwner("0"), f.startProcess()
			return racers{
				stopped: f.ctlArgs("reset"),
				other: func() {
					a.kill()
					f.load(b)
					f.healthctl("set", "-pid", b.pidArg(), "0")
				},
				check: f.checkAllOrNothing,
			}
		}},
		{"load while the unit is reset", func(f *fixture) racers {
			a, b := f.recordOwner("0"), f.startProcess()
			a.kill()
			return racers{
				stopped: f.ctlArgs("load", "-pid", b.pidArg()),
				other:   func() { f.healthctl("reset") },
				check: func(end traceResult) string {
					if wrong := f.checkAllOrNothing(end); wrong != "" {
						return wrong
					}
					return f.checkNeverSet(end)
				},
			}
		}},
		{"load while the directory is recreated and another process loads and sets 0", func(f *fixture) racers {
			a, b := f.startProcess(), f.startProcess()
			return racers{
				stopped: f.ctlArgs("load", "-pid", a.pidArg()),
				other: func() {
					f.recreate()
					f.load(b)
					f.healthctl("set", "-pid", b.pidArg(), "0")
				},
				check: func(end traceResult) string {
					// load locks twice. If the directory is recreated in between, either
					// process may get the unit, but only the other one ever sets 0.
					if pid, _ := f.readFile("pid"); pid == a.pidArg()+"\n" {
						return f.checkNeverSet(end)
					}
					return f.checkHealthy(end)
				},
			}
		}},
	}
}

// concurrentWrites are races between commands that change the same unit.
func concurrentWrites() []race {
	return []race{
		{"set 0 while the directory is recreated and another process loads", func(f *fixture) racers {
			a, b := f.recordOwner(""), f.startProcess()
			return racers{
				stopped: f.ctlArgs("set", "-pid", a.pidArg(), "0"),
				other: func() {
					f.recreate()
					f.load(b)
				},
				check: f.checkNeverSet,
			}
		}},
		{"set 0 while the directory is replaced and another process loads", func(f *fixture) racers {
			a, b := f.recordOwner(""), f.startProcess()
			return racers{
				stopped: f.ctlArgs("set", "-pid", a.pidArg(), "0"),
				other: func() {
					must(os.Rename(f.path(), f.path()+".old"))
					f.load(b)
				},
				check: func(end traceResult) string {
					if end.beforeLock && end.status == 0 {
						return "set reported success for a unit that another process owned by then"
					}
					return f.checkNeverSet(end)
				},
			}
		}},
		{"set 42 while the directory is recreated and another process loads and sets 0", func(f *fixture) racers {
			a, b := f.recordOwner("0"), f.startProcess()
			return racers{
				stopped: f.ctlArgs("set", "-pid", a.pidArg(), "42"),
				other: func() {
					f.recreate()
					f.load(b)
					f.healthctl("set", "-pid", b.pidArg(), "0")
				},
				check: f.checkHealthy,
			}
		}},
		{"beat while set 42 runs", func(f *fixture) racers {
			f.recordOwner("0")
			return racers{f.ctlArgs("beat"), func() { f.healthctl("set", "42") }, f.checkCode("42")}
		}},
		{"set 42 while beat runs", func(f *fixture) racers {
			f.recordOwner("0")
			return racers{f.ctlArgs("set", "42"), func() { f.healthctl("beat") }, f.checkCode("42")}
		}},
		{"set 0 while set 1000000 runs", func(f *fixture) racers {
			f.recordOwner("42")
			return racers{f.ctlArgs("set", "0"), func() { f.healthctl("set", "1000000") }, f.checkCode("0", "1000000")}
		}},
		{"set 0 while set 0 runs", func(f *fixture) racers {
			f.recordOwner("0")
			return racers{f.ctlArgs("set", "0"), func() { f.healthctl("set", "0") }, f.checkHealthy}
		}},
	}
}

// concurrentProbes are races in which the stopped program is the probe.
func concurrentProbes() []race {
	return []race{
		{"probe while set 0 and beat run", func(f *fixture) racers {
			f.recordOwner("0")
			return racers{f.probeArgs(), func() {
				f.healthctl("set", "0")
				f.healthctl("beat")
			}, probeSaidHealthy}
		}},
		{"probe with -max-age while beat and set 0 run", func(f *fixture) racers {
			f.recordOwner("0")
			return racers{f.probeArgs("-max-age", "1h"), func() {
				f.healthctl("beat")
				f.healthctl("set", "0")
			}, probeSaidHealthy}
		}},
		{"probe of a stale 0 while the next process loads", func(f *fixture) racers {
			a, b := f.recordOwner("0"), f.startProcess()
			a.kill()
			return racers{f.probeArgs(), func() { f.load(b) }, probeSaidUnhealthy}
		}},
		{"probe of a stale 0 while reset and load run", func(f *fixture) racers {
			a, b := f.recordOwner("0"), f.startProcess()
			a.kill()
			return racers{f.probeArgs("-v"), func() {
				f.healthctl("reset")
				f.load(b)
			}, probeSaidUnhealthy}
		}},
		{"probe of 42 while the same process loads again", func(f *fixture) racers {
			a := f.recordOwner("42")
			return racers{f.probeArgs(), func() { f.load(a) }, probeSaidUnhealthy}
		}},
	}
}

// TestHeldLock holds the lock of a unit throughout. The probe does not need the
// lock. The commands give up and print one line. A set of a code other than 0 still
// invalidates the 0 before it.
func TestHeldLock(t *testing.T) {
	h := newHarness(t)
	h.run([]func(){func() {
		var all sync.WaitGroup
		for _, c := range []struct {
			argv  []string
			after verdict
			want  string // in the message, besides "lock of"
		}{
			{[]string{"set", "0"}, healthy, ""},
			{[]string{"set", "42"}, unhealthy, "is empty now"},
			{[]string{"beat"}, healthy, ""},
			{[]string{"reset"}, healthy, ""},
			{[]string{"load"}, healthy, ""},
			{[]string{"exec", "sleep", "0"}, healthy, ""},
		} {
			f := h.newFixture()
			defer f.close()
			p := f.recordOwner("0")
			if c.argv[0] == "load" {
				c.argv = append(c.argv, "-pid", p.pidArg())
			}
			fd, err := unix.Open(f.path(".lock"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
			must(err)
			defer unix.Close(fd)
			must(unix.Flock(fd, unix.LOCK_EX))
			if ok, line := f.healthy(); !ok {
				h.violationf("unhealthy because the unit is locked: %s", line)
			}
			all.Go(func() { // each waits two seconds for the lock
				o := f.healthctl(c.argv[0], c.argv[1:]...)
				h.countPoint()
				if o.status != 1 || strings.Count(o.stderr, "\n") != 1 || !strings.Contains(o.stderr, "lock of") {
					h.violationf("%v of a locked unit: status %d, %q", c.argv, o.status, o.stderr)
				}
				if !strings.Contains(o.stderr, c.want) {
					h.violationf("%v of a locked unit does not explain the state: %q", c.argv, o.stderr)
				}
				if ok, line := f.healthy(); ok != (c.after == healthy) {
					h.violationf("%v of a locked unit: healthy %v afterwards: %s", c.argv, ok, line)
				}
			})
		}
		all.Wait()
	}})
	h.report(t)
}
