//go:build linux && amd64

package faults

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// between is the time between two processes with the same pid. Start times have a
// resolution of 10 ms, and healthprobe does not promise to tell apart two processes
// that start within the same tick.
const between = 30 * time.Millisecond

// TestReusedPid runs commands for a process that has the pid of one that loaded, set
// 0 and died, like pid 1 after a restart of the container. It needs its own pid
// namespace, where no other process takes the pid.
func TestReusedPid(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	requirePtrace(t)
	h := newHarness(t)
	h.runScenarios(reused())
	h.report(t)
}

// reused returns the scenarios in which the kernel really reuses the pid.
func reused() []scenario {
	return []scenario{
		{name: "reused pid: application loads", self: true, before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command { return f.withReusedPid(f.appCommand("load")) }},
		{name: "reused pid: application loads and sets 0", self: true, before: unhealthy, after: healthy, code: "0", similar: true,
			arrange: func(f *fixture) command { return f.withReusedPid(f.appCommand("set:0", "load")) }},
		{name: "reused pid: application sets 0 without load", self: true, before: unhealthy, after: unhealthy, mustFail: true, code: "0", similar: true,
			arrange: func(f *fixture) command { return f.withReusedPid(f.appCommand("set:0")) }},
		{name: "reused pid: exec", self: true, before: unhealthy, after: healthy, code: "0", similar: true,
			arrange: func(f *fixture) command { return f.withReusedPid(command{argv: f.ctlArgs("exec", "sleep", "0")}) }},
		{name: "reused pid: load", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command { return f.loadFor(f.startWithReusedPid()) }},
		{name: "reused pid: set 0", before: unhealthy, after: unhealthy, mustFail: true, code: "0", similar: true,
			arrange: func(f *fixture) command {
				p := f.startWithReusedPid()
				return command{argv: f.ctlArgs("set", "-pid", p.pidArg(), "0"), nextOwner: p}
			}},
		{name: "reused pid: reset", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command { return command{argv: f.ctlArgs("reset"), nextOwner: f.startWithReusedPid()} }},
	}
}

// runAndKill runs an application that loads and sets 0, kills it and returns its
// pid.
func (f *fixture) runAndKill() int {
	p := f.startApp("load", "set:0", "ready", "wait")
	if ok, line := f.healthy(); !ok {
		f.violationf("the first process is not healthy: %s", line)
	}
	p.kill()
	time.Sleep(between)
	return p.pid
}

// withReusedPid makes the command run with the pid of a previous application.
func (f *fixture) withReusedPid(c command) command {
	c.pid = f.runAndKill()
	return c
}

// startWithReusedPid starts a process with the pid of a previous application.
func (f *fixture) startWithReusedPid() *process {
	pid := f.runAndKill()
	for range 1000 {
		must(nextPid(pid))
		p := f.start(exec.Command("sleep", "1000"))
		if p.pid == pid {
			return p
		}
		p.kill()
	}
	panic("could not get the pid again")
}

// TestRepeatedReuse probes after each of many reuses of a pid.
func TestRepeatedReuse(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	h := newHarness(t)
	times := 5
	if *long {
		times = 100
	}
	h.run([]func(){func() {
		f := h.newFixture()
		defer f.close()
		for range times {
			p := f.startWithReusedPid()
			h.countPoint()
			ok, line := f.healthy()
			if ok || !strings.Contains(line, "is another process now") {
				h.violationf("a process with the pid of one that set 0: healthy %v: %s", ok, line)
			}
			if live, _ := f.healthy("-live"); live {
				h.violationf("alive, though it is another process")
			}
			p.kill()
		}
	}})
	h.report(t)
}
