//go:build linux && amd64

package faults

import (
	"os"
	"strconv"
	"syscall"
	"testing"
)

// scenario is a command in certain surroundings. Before and after say what the
// verdict is; what it may be in between follows from them.
type scenario struct {
	name    string
	arrange func(w *world) command
	before  verdict
	after   verdict
	failed  verdict // after a command that reports failure, if it must be a certain one
	writes  string  // the code that the command records
	refuses bool    // the command has to fail, whatever happens
	own     bool    // it is the recorded process itself, not a tool
	broken  bool    // the next load cannot work: something stands in its way
	rare    bool    // much like another one: the short form takes fewer points
}

func (s *scenario) rarer() int {
	if s.rare {
		return 4
	}
	return 1
}

// command is a scenario's command in its world.
type command struct {
	argv   []string
	next   *life                  // whom the next load records; nil: a new process
	cred   *syscall.Credential    // whose command it is; nil: ours
	pid    int                    // the pid it has to get; 0: any
	start  func(pid int)          // arranges what depends on the command's pid
	counts func(path string) bool // the path with which counting begins
}

func scenarios() (all []scenario) {
	for _, list := range [][]scenario{loads(), sets(), resets(), applications()} {
		all = append(all, list...)
	}
	return all
}

// TestScenarios stops each command at each of its calls.
func TestScenarios(t *testing.T) {
	tracing(t)
	h := newHarness()
	h.try(scenarios())
	h.report(t)
}

// try freezes each command at each call, then tries all faults.
func (h *harness) try(list []scenario) {
	calls := make([][]call, len(list))
	var walks, points []func()
	for i := range list {
		walks = append(walks, func() { calls[i] = list[i].freeze(h) })
	}
	h.run(walks)
	for i := range list {
		for j := range faults {
			points = append(points, list[i].points(h, &faults[j], calls[i])...)
		}
	}
	h.run(points)
}

// named picks scenarios, for planted bugs.
func named(names ...string) (list []scenario) {
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

// loadFor is healthctl load for a process that lives on.
func (w *world) loadFor(l *life) command {
	return command{argv: w.ctlArgs("load", "-pid", strconv.Itoa(l.pid)), next: l}
}

func loads() []scenario {
	return []scenario{
		{name: "load, fresh", before: unhealthy, after: unhealthy,
			arrange: func(w *world) command { return w.loadFor(w.life()) }},
		{name: "load with a check", before: unhealthy, after: unhealthy, rare: true,
			arrange: func(w *world) command {
				l := w.life()
				w.record(l.pid, "1", "0")
				return command{argv: w.ctlArgs("load", "-pid", l.pidArg(), "-check", lookUp("true")), next: l}
			}},
		{name: "load, empty directory", before: unhealthy, after: unhealthy, rare: true,
			arrange: func(w *world) command {
				must(os.Mkdir(w.path(), 0o755))
				return w.loadFor(w.life())
			}},
		{name: "load, stale directory", before: unhealthy, after: unhealthy,
			arrange: func(w *world) command {
				w.record(w.dead(), "1", "0")
				w.put("reason", "0 left\n")
				w.put(".tmp", "left")
				return w.loadFor(w.life())
			}},
		{name: "load, same pid reused", before: unhealthy, after: unhealthy,
			arrange: func(w *world) command {
				l := w.life()
				w.record(l.pid, "1", "0")
				return w.loadFor(l)
			}},
		{name: "load, another boot", before: unhealthy, after: unhealthy, rare: true,
			arrange: func(w *world) command {
				l := w.life()
				w.record(l.pid, l.start, "0")
				w.put("identity", strconv.Itoa(l.pid)+" "+l.start+" 0-0\n")
				return w.loadFor(l)
			}},
		{name: "load, zombie owner", before: unhealthy, after: unhealthy, rare: true,
			arrange: func(w *world) command {
				z := w.life()
				w.record(z.pid, z.start, "0")
				z.zombie()
				return w.loadFor(w.life())
			}},
		{name: "load, zombie leader with live threads", before: healthy, after: healthy, refuses: true,
			arrange: func(w *world) command {
				l := w.application("load", "set:0", "ready", "leaderless", "wait")
				return command{argv: w.ctlArgs("load", "-pid", strconv.Itoa(w.life().pid)), next: l}
			}},
		{name: "load, same process again", before: healthy, after: unhealthy,
			arrange: func(w *world) command {
				l := w.life()
				w.record(l.pid, l.start, "0")
				return w.loadFor(l)
			}},
		{name: "load, another live owner", before: healthy, after: healthy, refuses: true,
			arrange: func(w *world) command {
				l := w.life()
				w.record(l.pid, l.start, "0")
				return w.loadFor(w.life())
			}},
		// No identity says whose it is: load takes it over, and what the other
		// writer's 0 said is void from then on.
		{name: "load, directory of another writer", before: healthy, after: unhealthy,
			arrange: func(w *world) command {
				w.record(w.life().pid, "", "0")
				return w.loadFor(w.life())
			}},
		{name: "load, a file in the directory's place", before: unhealthy, after: unhealthy, refuses: true, broken: true, rare: true,
			arrange: func(w *world) command {
				must(os.WriteFile(w.path(), []byte("0\n"), 0o644))
				return w.loadFor(w.life())
			}},
		{name: "load, a symbolic link in the directory's place", before: unhealthy, after: unhealthy, refuses: true, broken: true, rare: true,
			arrange: func(w *world) command {
				link(w)
				return w.loadFor(w.life())
			}},
	}
}

// link puts a symbolic link where the unit directory belongs, to the directory
// of a healthy unit.
func link(w *world) {
	l := w.life()
	w.unit = "other"
	w.record(l.pid, l.start, "0")
	w.unit = "web"
	must(os.Symlink("other", w.path()))
}
