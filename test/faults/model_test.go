//go:build linux && amd64

package faults

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/healthprobe/healthprobe/test/model"
	"golang.org/x/sys/unix"
)

// TestModel runs the programs under the tracer and holds their steps against the
// table of test/model. There the same table is held against the model.
func TestModel(t *testing.T) {
	requirePtrace(t)
	runs, leftOut, err := model.Runs()
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t)
	c := &comparison{harness: h, leftOut: leftOut, unused: maps.Clone(leftOut)}
	var jobs []func()
	for _, run := range runs {
		jobs = append(jobs, c.jobs(run)...)
		if len(modelledRuns()[run.Name].arrange) == 0 {
			t.Errorf("no program is run for %q of steps.txt", run.Name)
		}
	}
	for name := range modelledRuns() {
		if !slices.ContainsFunc(runs, func(r model.Run) bool { return r.Name == name }) {
			t.Errorf("steps.txt has no run %q", name)
		}
	}
	h.run(jobs)
	for step := range c.unused {
		t.Errorf("steps.txt leaves out %q, but no program makes that step", step)
	}
	h.report(t)
}

// inModel is a value for foundBy of a mutant.
func inModel(name string) func(*harness) {
	return func(h *harness) {
		runs, leftOut, err := model.Runs()
		must(err)
		c := &comparison{harness: h, leftOut: leftOut, unused: map[string]bool{}}
		for _, run := range runs {
			if run.Name == name {
				h.run(c.jobs(run))
			}
		}
	}
}

// comparison is what the runs have in common.
type comparison struct {
	*harness
	leftOut map[string]bool
	mu      sync.Mutex
	unused  map[string]bool // of leftOut
}

// jobs returns a job for each program that makes the run.
func (c *comparison) jobs(run model.Run) (jobs []func()) {
	m := modelledRuns()[run.Name]
	for _, arrange := range m.arrange {
		jobs = append(jobs, func() { c.compare(run, m.fail, arrange) })
	}
	return jobs
}

// compare runs a program and compares its steps. Those in toFail fail, in
// this order. A probe's steps end with its verdict.
func (c *comparison) compare(run model.Run, toFail []string, arrange func(f *fixture) command) {
	f := c.newFixture()
	defer f.close()
	command := arrange(f)
	t := &tracer{argv: command.argv, countFrom: command.countFrom}
	if t.countFrom == nil {
		t.countFrom = isOwnWork(f.runDir)
	}
	var steps []string
	opened := "" // the file of the last open
	t.decide = func(now call) action {
		switch {
		case now.mark != "":
			return action{kind: kill} // what follows is not under test
		case now.after:
			return action{}
		}
		step := f.step(now, &opened)
		if c.isLeftOut(step) {
			return action{}
		}
		steps = append(steps, step)
		if len(toFail) > 0 && step == toFail[0] {
			toFail = toFail[1:]
			return action{kind: fail, errno: unix.EIO}
		}
		return action{}
	}
	end, err := t.run()
	if command.argv[0] == f.probe {
		steps = append(steps, map[int]string{0: "healthy", 1: "unhealthy"}[end.status])
	}
	c.countPoint()
	if err != nil || end.hung || len(toFail) > 0 {
		c.violationf("%s: %v, hung %v; not reached: %q", run.Name, err, end.hung, toFail)
	}
	if !slices.Equal(steps, run.Steps) {
		c.violationf("%s: %s makes these steps:\n\t%s\nsteps.txt of test/model has\n\t%s", run.Name, filepath.Base(command.argv[0]),
			strings.Join(steps, ", "), strings.Join(run.Steps, ", "))
	}
}

// isLeftOut reports whether the model leaves out a step: by its name, as that of
// a file, or all steps of its kind.
func (c *comparison) isLeftOut(step string) bool {
	kind, file, _ := strings.Cut(step, " ")
	for _, key := range []string{step, kind, file} {
		if c.leftOut[key] {
			c.mu.Lock()
			delete(c.unused, key)
			c.mu.Unlock()
			return true
		}
	}
	return false
}

// kinds are the names of steps, where they are not those of the system calls.
var kinds = map[string]string{
	"openat": "open", "pread64": "read", "unlinkat": "unlink", "renameat": "rename", "newfstatat": "stat", "mkdirat": "mkdir",
	"ftruncate": "truncate", "utimensat": "touch", "fchmod": "chmod", "fchmodat": "chmod", "fchown": "chown", "flock": "lock",
}

// step returns a call in the words of steps.txt.
func (f *fixture) step(c call, opened *string) string {
	kind, renamed := kinds[c.name]
	switch {
	case !renamed:
		kind = c.name
	case c.name == "openat" && c.changes:
		kind = "create"
	case c.unlocks:
		kind = "unlock"
	}
	file := "elsewhere"
	switch {
	case c.name == "kill":
		return kind
	case c.path == f.path():
		file = "web"
	case filepath.Dir(c.path) == f.path():
		file = filepath.Base(c.path)
	case kind == "read" && isStat(c.path): // /proc/self has become a number
		file = *opened
	case isStat(c.path):
		file = "stat"
	case c.path == "/proc/self/stat":
		file = "self"
	case strings.HasSuffix(c.path, "/boot_id"):
		file = "boot_id"
	}
	if kind == "open" {
		*opened = file
	}
	return kind + " " + file
}

// modelled is a run of steps.txt as the programs make it: the commands, all of
// which make the same steps, and the steps that fail.
type modelled struct {
	fail    []string
	arrange []func(f *fixture) command
}

func modelledRuns() map[string]modelled {
	type commands = []func(f *fixture) command
	app := func(last string, first ...string) func(f *fixture) command {
		return func(f *fixture) command { return f.appCommand(last, first...) }
	}
	set42 := func(fail ...string) modelled { return modelled{fail, commands{ownedUnit("0", "set", "42")}} }
	probe := func(arrange func(f *fixture)) modelled {
		return modelled{nil, commands{func(f *fixture) command {
			arrange(f)
			return command{argv: f.probeArgs()}
		}}}
	}
	return map[string]modelled{
		"load, nothing there": {nil, commands{
			func(f *fixture) command { return f.loadFor(f.startProcess()) },
			app("load"),
		}},
		"load, the same process again": {nil, commands{
			func(f *fixture) command { return f.loadFor(f.recordOwner("0")) },
			app("load", "load", "set:0"),
		}},
		"load, another live process owns the unit": {nil, commands{func(f *fixture) command {
			f.recordOwner("")
			return f.loadFor(f.startProcess())
		}}},
		"load, the owner has ended": {nil, commands{func(f *fixture) command {
			f.recordOwner("0").kill()
			return f.loadFor(f.startProcess())
		}}},
		"set 0, the first": {nil, commands{ownedUnit("", "set", "0"), app("set:0", "load")}},
		"set 42 over 0":    {nil, commands{ownedUnit("0", "set", "42"), app("set:42", "load", "set:0")}},

		"set 42, .tmp cannot be made":                        set42("create .tmp"),
		"set 42, .tmp cannot be renamed":                     set42("rename error"),
		"set 42, nor can error be truncated":                 set42("rename error", "truncate error"),
		"set 42 without the lock":                            set42("lock .lock"),
		"set 42 without the lock, error cannot be opened":    set42("lock .lock", "open error"),
		"set 42 without the lock, error cannot be truncated": set42("lock .lock", "truncate error"),

		"set 0, not loaded": {nil, commands{func(f *fixture) command {
			must(os.Mkdir(f.path(), 0o755))
			return command{argv: f.ctlArgs("set", "0")}
		}}},
		"set 0, the owner has ended": {nil, commands{func(f *fixture) command {
			f.recordOwner("").kill()
			return command{argv: f.ctlArgs("set", "0")}
		}}},
		"beat":                        {nil, commands{ownedUnit("0", "beat"), app("beat", "load", "set:0")}},
		"beat, not set":               {nil, commands{ownedUnit("", "beat")}},
		"reset, of whichever process": {nil, commands{ownedUnit("0", "reset")}},
		"reset, of this process": {nil, commands{
			func(f *fixture) command {
				return command{argv: f.ctlArgs("reset", "-pid", f.recordOwner("0").pidArg())}
			},
			app("reset", "load", "set:0"),
		}},
		"exec": {nil, commands{func(f *fixture) command { return command{argv: f.ctlArgs("exec", "sleep", "0")} }}},

		"probe, healthy":                      probe(func(f *fixture) { f.recordOwner("0") }),
		"probe, error 42":                     probe(func(f *fixture) { f.recordOwner("42") }),
		"probe, not set":                      probe(func(f *fixture) { f.recordOwner("") }),
		"probe, the owner has ended":          probe(func(f *fixture) { f.recordOwner("0").kill() }),
		"probe, its pid is another process's": probe(func(f *fixture) { f.record(f.startProcess().pid, "1", "0") }),
		"probe, not loaded":                   probe(func(f *fixture) { must(os.Mkdir(f.path(), 0o755)) }),
		"probe, no directory":                 probe(func(f *fixture) {}),
	}
}
