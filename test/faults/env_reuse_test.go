//go:build linux && amd64

package faults

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// between is the time between two lives with one pid. Start times count in
// ticks of 10 ms, and two lives within one tick are beyond what is promised.
const between = 30 * time.Millisecond

// TestReusedPid gives a process the pid of one that loaded, set 0 and died: what
// a container that is started again does with pid 1. It needs a pid namespace
// of its own, where nobody else takes the numbers.
func TestReusedPid(t *testing.T) {
	if !enter(t) {
		return
	}
	tracing(t)
	h := newHarness()
	h.try(reused())
	h.report(t)
}

// reused are the scenarios in which the pid is reused for real.
func reused() []scenario {
	return []scenario{
		{name: "reused pid: application loads", own: true, before: unhealthy, after: unhealthy, rare: true,
			arrange: func(w *world) command { return w.secondLife(w.doing("load")) }},
		{name: "reused pid: application loads and sets 0", own: true, before: unhealthy, after: healthy, writes: "0", rare: true,
			arrange: func(w *world) command { return w.secondLife(w.doing("set:0", "load")) }},
		{name: "reused pid: application sets 0 without load", own: true, before: unhealthy, after: unhealthy, refuses: true, writes: "0", rare: true,
			arrange: func(w *world) command { return w.secondLife(w.doing("set:0")) }},
		{name: "reused pid: exec", own: true, before: unhealthy, after: healthy, writes: "0", rare: true,
			arrange: func(w *world) command { return w.secondLife(command{argv: w.ctlArgs("exec", "sleep", "0")}) }},
		{name: "reused pid: load", before: unhealthy, after: unhealthy, rare: true,
			arrange: func(w *world) command { return w.loadFor(w.reborn()) }},
		{name: "reused pid: set 0", before: unhealthy, after: unhealthy, refuses: true, writes: "0", rare: true,
			arrange: func(w *world) command {
				l := w.reborn()
				return command{argv: w.ctlArgs("set", "-pid", l.pidArg(), "0"), next: l}
			}},
		{name: "reused pid: reset", before: unhealthy, after: unhealthy, rare: true,
			arrange: func(w *world) command { return command{argv: w.ctlArgs("reset"), next: w.reborn()} }},
	}
}

// firstLife is an application that loads, sets 0 and is killed. It gives its pid.
func (w *world) firstLife() int {
	l := w.application("load", "set:0", "ready", "wait")
	if ok, line := w.healthy(); !ok {
		w.violated("the first life is not healthy: %s", line)
	}
	l.end()
	time.Sleep(between)
	return l.pid
}

// secondLife lets the command have the pid of an earlier one.
func (w *world) secondLife(c command) command {
	c.pid = w.firstLife()
	return c
}

// reborn is a process with the pid of an earlier one.
func (w *world) reborn() *life {
	pid := w.firstLife()
	for range 1000 {
		must(nextPid(pid))
		l := w.begin(exec.Command("sleep", "1000"))
		if l.pid == pid {
			return l
		}
		l.end()
	}
	panic("the pid could not be had again")
}

// TestRepeatedLives asks the probe about many second lives.
func TestRepeatedLives(t *testing.T) {
	if !enter(t) {
		return
	}
	h := newHarness()
	lives := 5
	if *long {
		lives = 100
	}
	h.run([]func(){func() {
		w := h.newWorld()
		defer w.close()
		for range lives {
			l := w.reborn()
			h.point()
			ok, line := w.healthy()
			if ok || !strings.Contains(line, "is another process now") {
				h.violated("a process with the pid of one that set 0: healthy %v: %s", ok, line)
			}
			if live, _ := w.healthy("-live"); live {
				h.violated("alive, though it is another process")
			}
			l.end()
		}
	}})
	h.report(t)
}
