//go:build linux && amd64

package faults

import (
	"strconv"
)

// owned arranges a unit that a live process owns, with a code ("": not set), and
// gives a healthctl command.
func owned(code, name string, args ...string) func(w *world) command {
	return func(w *world) command {
		l := w.life()
		w.record(l.pid, l.start, code)
		return command{argv: w.ctlArgs(name, args...), next: l}
	}
}

func sets() []scenario {
	return []scenario{
		{name: "set 0, the first", before: unhealthy, after: healthy, writes: "0", arrange: owned("", "set", "0")},
		{name: "set 0 over 0", before: healthy, after: healthy, writes: "0", arrange: owned("0", "set", "0")},
		{name: "set 0 over 1000000", before: unhealthy, after: healthy, writes: "0", rare: true, arrange: owned("1000000", "set", "0")},
		{name: "set 42 over 0", before: healthy, after: unhealthy, failed: unhealthy, writes: "42", arrange: owned("0", "set", "42")},
		{name: "set 42 with a reason over 0", before: healthy, after: unhealthy, failed: unhealthy, writes: "42",
			arrange: owned("0", "set", "42", "upstream", "gone")},
		{name: "set -7, out of range", before: healthy, after: unhealthy, failed: unhealthy, refuses: true, rare: true, arrange: owned("0", "set", "-7")},
		{name: "set 0, owner gone", before: unhealthy, after: unhealthy, refuses: true, writes: "", rare: true,
			arrange: func(w *world) command {
				w.record(w.dead(), "1", "42")
				return command{argv: w.ctlArgs("set", "0")}
			}},
		{name: "set 0, same pid reused", before: unhealthy, after: unhealthy, refuses: true,
			arrange: func(w *world) command {
				l := w.life()
				w.record(l.pid, "1", "42")
				return command{argv: w.ctlArgs("set", "0"), next: l}
			}},
		{name: "set 0 for another than the owner", before: unhealthy, after: unhealthy, refuses: true, rare: true,
			arrange: func(w *world) command {
				l := w.life()
				w.record(l.pid, l.start, "")
				return command{argv: w.ctlArgs("set", "-pid", strconv.Itoa(w.life().pid), "0"), next: l}
			}},
		{name: "set 0, no directory", before: unhealthy, after: unhealthy, refuses: true, rare: true,
			arrange: func(w *world) command { return command{argv: w.ctlArgs("set", "0")} }},
		{name: "set 0, a symbolic link in the directory's place", before: unhealthy, after: unhealthy, refuses: true, broken: true, rare: true,
			arrange: func(w *world) command {
				link(w)
				return command{argv: w.ctlArgs("set", "0")}
			}},
		{name: "set 0 in the directory of another writer", before: unhealthy, after: healthy, writes: "0", rare: true,
			arrange: func(w *world) command {
				w.record(w.life().pid, "", "42")
				return command{argv: w.ctlArgs("set", "0")}
			}},
		{name: "set 42 in the directory of another writer", before: healthy, after: unhealthy, failed: unhealthy, writes: "42", rare: true,
			arrange: func(w *world) command {
				w.record(w.life().pid, "", "0")
				return command{argv: w.ctlArgs("set", "42")}
			}},
		{name: "beat over 0", before: healthy, after: healthy, arrange: owned("0", "beat")},
		{name: "beat over 42", before: unhealthy, after: unhealthy, rare: true, arrange: owned("42", "beat")},
		{name: "beat before the first set", before: unhealthy, after: unhealthy, refuses: true, rare: true, arrange: owned("", "beat")},
	}
}

func resets() []scenario {
	return []scenario{
		{name: "reset", before: healthy, after: unhealthy, arrange: owned("0", "reset")},
		{name: "reset, same pid reused", before: unhealthy, after: unhealthy,
			arrange: func(w *world) command {
				l := w.life()
				w.record(l.pid, "1", "0")
				return command{argv: w.ctlArgs("reset"), next: l}
			}},
		{name: "reset, not loaded", before: unhealthy, after: unhealthy, rare: true,
			arrange: func(w *world) command { return command{argv: w.ctlArgs("reset")} }},
	}
}

// doing arranges an application that takes its first steps untraced, and the
// last one, its own, with faults.
func (w *world) doing(last string, first ...string) command {
	argv := append([]string{w.app, w.runDir, w.unit}, first...)
	return command{
		argv:   append(argv, "begin", last, "end"),
		counts: func(path string) bool { return path == "faults:begin" },
	}
}

// applications are those of package writer, and of exec: here the process that
// stands still or ends is the recorded one.
func applications() []scenario {
	does := func(last string, first ...string) func(*world) command {
		return func(w *world) command { return w.doing(last, first...) }
	}
	reused := func(w *world, c command) command { // as in a container that was started again
		c.start = func(pid int) { w.record(pid, "1", "0") }
		return c
	}
	return []scenario{
		{name: "application loads", own: true, before: unhealthy, after: unhealthy, rare: true, arrange: does("load")},
		{name: "application loads, same pid reused", own: true, before: unhealthy, after: unhealthy,
			arrange: func(w *world) command { return reused(w, w.doing("load")) }},
		{name: "application loads again", own: true, before: healthy, after: unhealthy, rare: true, arrange: does("load", "load", "set:0")},
		{name: "application sets 0", own: true, before: unhealthy, after: healthy, writes: "0", arrange: does("set:0", "load")},
		{name: "application sets 0 again", own: true, before: healthy, after: healthy, writes: "0", arrange: does("set:0", "load", "set:0")},
		{name: "application sets 42", own: true, before: healthy, after: unhealthy, failed: unhealthy, writes: "42",
			arrange: does("set:42:upstream gone", "load", "set:0")},
		{name: "application beats", own: true, before: healthy, after: healthy, rare: true, arrange: does("beat", "load", "set:0")},
		{name: "application resets", own: true, before: healthy, after: unhealthy, rare: true, arrange: does("reset", "load", "set:0")},
		{name: "exec", own: true, before: unhealthy, after: healthy, writes: "0", rare: true,
			arrange: func(w *world) command { return command{argv: w.ctlArgs("exec", "sleep", "0")} }},
		{name: "exec, same pid reused", own: true, before: unhealthy, after: healthy, writes: "0",
			arrange: func(w *world) command { return reused(w, command{argv: w.ctlArgs("exec", "sleep", "0")}) }},
	}
}
