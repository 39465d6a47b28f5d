//go:build linux && amd64

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutant is a bug in a copy of the source: in file, new replaces old. foundBy runs
// the tests that must find it.
type mutant struct {
	name      string
	file      string // relative to the module's root
	old, new  string // old occurs exactly once in file
	foundBy   func(h *harness)
	violation string // text of the violation that proves it; others do not count
}

// TestMutants tests the tests: if they do not find these bugs, they prove nothing.
func TestMutants(t *testing.T) {
	requirePtrace(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			if !*long {
				if _, err := m.patched(); err != nil {
					t.Error(err)
				}
				t.Skip("needs -long")
			}
			t.Parallel()
			m.run(t)
		})
	}
}

func (m *mutant) run(t *testing.T) {
	dir, err := os.MkdirTemp(scratch, "mutant-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	overlay, err := m.overlay(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t)
	h.programs = programsIn(filepath.Join(dir, "bin"))
	h.app = built.app // not under test here; healthctl and healthprobe contain the bug
	h.every, h.wanted = true, m.violation
	if err := h.build(overlay); err != nil {
		t.Fatal(err)
	}
	m.foundBy(h)
	total.add(func(t *tally) {
		t.Mutants++
		t.Points += h.points
		if len(h.violations) > 0 {
			t.Caught++
		}
	})
	if len(h.violations) == 0 {
		t.Fatalf("not found at %d points", h.points)
	}
	t.Logf("found after %d points: %s", h.points, h.violations[0])
}

// patched returns the content of the file with the bug in it.
func (m *mutant) patched() (text string, err error) {
	source, err := os.ReadFile(filepath.Join("../..", m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("the mutant does not apply: %s contains the text to replace %d times, want 1. Update the mutant along with the code:\n%s", m.file, n, m.old)
	}
	return strings.Replace(string(source), m.old, m.new, 1), nil
}

// overlay writes a file for go build -overlay and returns its path.
func (m *mutant) overlay(dir string) (path string, err error) {
	text, err := m.patched()
	if err != nil {
		return "", err
	}
	original, err := filepath.Abs(filepath.Join("../..", m.file))
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, "patched.go")
	if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: copied}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o644)
}

// Values for foundBy.

func inScenarios(names ...string) func(*harness) {
	return func(h *harness) { h.runScenarios(scenariosNamed(names...)) }
}

func inRuns(names ...string) func(*harness) {
	return func(h *harness) {
		list := slices.DeleteFunc(runScenarios(), func(s runScenario) bool { return !slices.Contains(names, s.name) })
		if len(list) != len(names) {
			panic(fmt.Sprintf("not all of the runs %q exist", names))
		}
		h.runRuns(list)
	}
}

func inRace(name string) func(*harness) {
	return func(h *harness) { h.runRaces(raceNamed(name)) }
}

func inProbe(names ...string) func(*harness) {
	return func(h *harness) {
		var cases []probeCase
		for _, c := range probeCases() {
			if slices.Contains(names, c.name) {
				cases = append(cases, c)
			}
		}
		if len(cases) == 0 {
			panic(fmt.Sprintf("no probe case is named %q", names))
		}
		h.runProbeCases(cases)
	}
}

// mutants are bugs that are easy to introduce. Some have once been in the code.
var mutants = []mutant{
	{
		name: "a file is truncated and rewritten instead of replaced", file: "writer/dir.go",
		old:       "unix.Openat(d.fd, tempFile, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)",
		new:       "unix.Openat(d.fd, state.ErrorFile, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)\n\t\tunix.Linkat(d.fd, state.ErrorFile, d.fd, tempFile, 0)",
		foundBy:   inScenarios("set 0 over 0"),
		violation: "unhealthy, unlike both before and after",
	},
	{
		name: "load keeps the old error", file: "writer/dir.go",
		old:       "[]string{state.ErrorFile, state.ReasonFile, state.PidFile, state.IdentityFile, tempFile}",
		new:       "[]string{state.ReasonFile, state.PidFile, state.IdentityFile, tempFile}",
		foundBy:   inScenarios("load, same pid reused"),
		violation: "healthy, unlike both before and after",
	},
	{
		name: "load does not clear a second time", file: "writer/load.go",
		old:       "\tif err == nil {\n\t\terr = u.clear(d)\n\t}",
		new:       "\tif err == nil && !u.loaded.Swap(true) {\n\t\terr = u.clear(d)\n\t}",
		foundBy:   inRace("load while another process loads, sets 0 and dies"),
		violation: "nobody set 0 for the process",
	},
	{
		name: "the probe reads error first", file: "internal/verdict/probe.go",
		old: `	p.cause = p.checkProcess(dir)
	if p.cause == Healthy && (!p.Live || p.MaxAge > 0) {
		p.cause = p.checkError(dir)
`,
		new: `	early := p.checkError(dir)
	p.cause = p.checkProcess(dir)
	if p.cause == Healthy && (!p.Live || p.MaxAge > 0) {
		p.cause = early
`,
		foundBy:   inRace("probe of a stale 0 while the next process loads"),
		violation: "though the unit never was",
	},
	{
		name: "load treats EIO as absent", file: "writer/dir.go",
		old:       "case e == unix.ENOENT:\n\t\treturn nil, nil",
		new:       "case e == unix.ENOENT || e == unix.EIO:\n\t\treturn nil, nil",
		foundBy:   inScenarios("load, another live owner"),
		violation: "should have failed, but succeeded",
	},
	{
		name: "the probe treats EIO as absent", file: "internal/verdict/checks.go",
		old:       "\tif e == syscall.ENOENT {\n\t\treturn id, Healthy",
		new:       "\tif e != 0 {\n\t\treturn id, Healthy",
		foundBy:   inProbe("same pid reused"),
		violation: "healthy because openat of RUNDIR/web/identity",
	},
	{
		name: "a process with an unreadable stat is considered dead", file: "internal/state/process.go",
		old:       "if answer == syscall.ESRCH && (e == syscall.ENOENT || e == syscall.ESRCH) {",
		new:       "if e != 0 {",
		foundBy:   inScenarios("load, another live owner"),
		violation: "should have failed, but succeeded",
	},
	{
		name: "no lock", file: "writer/lock.go",
		old:       "return unix.Flock(d.lockFD, unix.LOCK_EX|unix.LOCK_NB)",
		new:       "return nil",
		foundBy:   inRace("late set 0 while the next process loads"),
		violation: "nobody set 0 for the process",
	},
	{
		name: "no lock, and two loads", file: "writer/lock.go",
		old:       "return unix.Flock(d.lockFD, unix.LOCK_EX|unix.LOCK_NB)",
		new:       "return nil",
		foundBy:   inRace("two loads"),
		violation: "two live processes were told",
	},
	{
		name: "the lock of a replaced directory is accepted", file: "writer/lock.go",
		old:       "if isAbsent(err) || err == nil && !sameFile(&here, &there) {",
		new:       "if false {",
		foundBy:   inRace("set 0 while the directory is replaced and another process loads"),
		violation: "set reported success for a unit",
	},
	{
		name: "an owner of unknown status is replaced", file: "writer/ownership.go",
		old:       "case o.id.Pid == 0, o.process.Ended():\n\t\treturn nil",
		new:       "case o.id.Pid == 0, o.process.Ended(), o.process.Status == state.Unknown:\n\t\treturn nil",
		foundBy:   inScenarios("load, another live owner"),
		violation: "should have failed, but succeeded",
	},
	{
		name: "a failed set of a code other than 0 leaves 0 behind", file: "writer/set.go",
		old:       "if err := p.clear(); err != nil {",
		new:       "if err := error(nil); err != nil {",
		foundBy:   inScenarios("set 42 over 0"),
		violation: "ENOSPC at call",
	},
	{
		name: "reset removes identity before error", file: "writer/dir.go",
		old:       "[]string{state.ErrorFile, state.ReasonFile, state.PidFile, state.IdentityFile, tempFile}",
		new:       "[]string{state.IdentityFile, state.ErrorFile, state.ReasonFile, state.PidFile, tempFile}",
		foundBy:   inScenarios("reset, same pid reused"),
		violation: "healthy, unlike both before and after",
	},
	{
		name: "reset removes identity before error, of a live owner", file: "writer/dir.go",
		old:       "[]string{state.ErrorFile, state.ReasonFile, state.PidFile, state.IdentityFile, tempFile}",
		new:       "[]string{state.IdentityFile, state.ErrorFile, state.ReasonFile, state.PidFile, tempFile}",
		foundBy:   inScenarios("reset"),
		violation: "pid and 0 are left without identity",
	},
	{
		name: "the start time is not compared", file: "internal/state/process.go",
		old:       "if p.Status == Alive && text.String(p.Start) != text.String(id.Start) {",
		new:       "if false {",
		foundBy:   inScenarios("set 0, same pid reused"),
		violation: "healthy, unlike both before and after",
	},
	{
		name: "a zombie leader is considered dead", file: "internal/state/process.go",
		old:       "s.State == 'Z' && s.Threads <= 1",
		new:       "s.State == 'Z'",
		foundBy:   inScenarios("load, zombie leader with live threads"),
		violation: "want healthy: unhealthy: web: pid",
	},
	{
		name: "a short write is considered complete", file: "writer/dir.go",
		old:       "content = content[max(n, 0):]",
		new:       "content = nil",
		foundBy:   inScenarios("set 42 over 0"),
		violation: "error holds",
	},
	{
		name: "beat writes 0", file: "writer/dir.go",
		old:       `return d.do("touch", state.ErrorFile, func() error { return touch(fd, d.fd, state.ErrorFile) })`,
		new:       `return d.replace(state.ErrorFile, []byte("0\n"))`,
		foundBy:   inScenarios("beat over 42"),
		violation: "healthy, unlike both before and after",
	},
	{
		name: "set does not check the owner", file: "writer/ownership.go",
		old:       "\treturn u.checkOwner(o)\n",
		new:       "\tu.checkOwner(o)\n\treturn nil\n",
		foundBy:   inRace("load while the previous process still sets 0"),
		violation: "nobody set 0 for the process",
	},
	{
		name: "pid is written before identity", file: "writer/load.go",
		old:       "\tif len(me.Start) > 0 {\n",
		new:       "\td.replace(state.PidFile, state.FormatNumber(new([state.PidLimit]byte), me.Pid))\n\tif len(me.Start) > 0 {\n",
		foundBy:   inScenarios("load, fresh"),
		violation: "healthy without identity",
	}, { // which breaks no promise, but the model has another order
		name: "identity is removed before pid", file: "writer/dir.go",
		old:       "[]string{state.ErrorFile, state.ReasonFile, state.PidFile, state.IdentityFile, tempFile}",
		new:       "[]string{state.ErrorFile, state.ReasonFile, state.IdentityFile, state.PidFile, tempFile}",
		foundBy:   inModel("reset, of whichever process"),
		violation: "makes these steps",
	},
	{
		name: "run sets 0 before it has executed COMMAND", file: "cmd/healthctl/supervisor_linux.go",
		old:       "\tgo s.health.record()\n",
		new:       "\ts.health.started()\n\tr, _ := s.health.report()\n\ts.health.put(r)\n\tgo s.health.record()\n",
		foundBy:   inRuns("run"),
		violation: "healthy, though COMMAND has not been executed",
	},
	{
		name: "run's load keeps the old error", file: "writer/dir.go",
		old:       "[]string{state.ErrorFile, state.ReasonFile, state.PidFile, state.IdentityFile, tempFile}",
		new:       "[]string{state.ReasonFile, state.PidFile, state.IdentityFile, tempFile}",
		foundBy:   inRuns("run, same pid reused"),
		violation: "healthy, though COMMAND has not been executed",
	},
	{
		name: "run's COMMAND survives it", file: "cmd/healthctl/supervisor_linux.go",
		old:       "attr.Sys.Pdeathsig = unix.SIGKILL",
		new:       "attr.Sys.Pdeathsig = 0",
		foundBy:   inRuns("run"),
		violation: "run has ended, but COMMAND",
	},
	{
		name: "run does not reset", file: "cmd/healthctl/supervisor_linux.go",
		old:       "if err := s.owner.Reset(); err != nil",
		new:       "if err := error(nil); err != nil",
		foundBy:   inRuns("run"),
		violation: "and this is left",
	},
	{
		name: "run does not reset after its child was killed in its load", file: "cmd/healthctl/supervisor_linux.go",
		old:       "if !s.loaded && status < 128 {",
		new:       "if !s.loaded {",
		foundBy:   inRuns("run"),
		violation: "status 137",
	},
	{
		name: "run leaves its socket", file: "cmd/healthctl/notify_linux.go",
		old:       "\ts.file.Close()\n\tif err := os.Remove(s.path); !",
		new:       "\ts.file.Close()\n\tif err := fs.ErrNotExist; !",
		foundBy:   inRuns("run that is notified"),
		violation: "and this is left: [notify]",
	},
	{
		name: "run takes another unit's socket", file: "cmd/healthctl/supervisor_linux.go",
		old:       "\tdescription := signalsAtStart()\n",
		new:       "\tos.Remove(s.socketPath())\n\tdescription := signalsAtStart()\n",
		foundBy:   inRuns("run, another live owner"),
		violation: "the other process's socket",
	},
	{
		name: "run does not try again to record", file: "cmd/healthctl/health_linux.go",
		old:       "\th.coalesced.Reset(again)\n",
		new:       "",
		foundBy:   inRuns("run"),
		violation: "COMMAND does not become healthy",
	},
	{
		name: "run believes that another process owns the unit when it cannot tell", file: "writer/report.go",
		old:       "if errors.Is(err, ErrOwned) {",
		new:       "if false {",
		foundBy:   inRuns("run"),
		violation: "COMMAND does not become healthy",
	},
}
