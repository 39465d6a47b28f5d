//go:build linux && amd64

package faults

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// loadFor returns healthctl load for a process that outlives it.
func (f *fixture) loadFor(p *process) command {
	return command{argv: f.ctlArgs("load", "-pid", strconv.Itoa(p.pid)), nextOwner: p}
}

func loads() []scenario {
	return []scenario{
		{name: "load, fresh", before: unhealthy, after: unhealthy,
			arrange: func(f *fixture) command { return f.loadFor(f.startProcess()) }},
		{name: "load with a check", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command {
				p := f.startProcess()
				f.record(p.pid, "1", "0")
				return command{argv: f.ctlArgs("load", "-pid", p.pidArg(), "-check", lookPath("true")), nextOwner: p}
			}},
		{name: "load, empty directory", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command {
				must(os.Mkdir(f.path(), 0o755))
				return f.loadFor(f.startProcess())
			}},
		{name: "load, no run directory", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command {
				must(os.RemoveAll(f.runDir))
				return f.loadFor(f.startProcess())
			}},
		{name: "load, stale directory", before: unhealthy, after: unhealthy,
			arrange: func(f *fixture) command {
				f.record(f.deadPid(), "1", "0")
				f.writeFile("reason", "0 left\n")
				f.writeFile(".tmp", "left")
				return f.loadFor(f.startProcess())
			}},
		{name: "load, same pid reused", before: unhealthy, after: unhealthy,
			arrange: func(f *fixture) command {
				p := f.startProcess()
				f.record(p.pid, "1", "0")
				return f.loadFor(p)
			}},
		{name: "load, another boot", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command {
				p := f.startProcess()
				f.record(p.pid, p.start, "0")
				f.writeFile("identity", strconv.Itoa(p.pid)+" "+p.start+" 0-0\n")
				return f.loadFor(p)
			}},
		{name: "load, zombie owner", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command {
				z := f.startProcess()
				f.record(z.pid, z.start, "0")
				z.makeZombie()
				return f.loadFor(f.startProcess())
			}},
		{name: "load, zombie leader with live threads", before: healthy, after: healthy, mustFail: true,
			arrange: func(f *fixture) command {
				p := f.startApp("load", "set:0", "ready", "zombie-leader", "wait")
				return command{argv: f.ctlArgs("load", "-pid", strconv.Itoa(f.startProcess().pid)), nextOwner: p}
			}},
		{name: "load, same process again", before: healthy, after: unhealthy,
			arrange: func(f *fixture) command {
				p := f.startProcess()
				f.record(p.pid, p.start, "0")
				return f.loadFor(p)
			}},
		{name: "load, another live owner", before: healthy, after: healthy, mustFail: true,
			arrange: func(f *fixture) command {
				p := f.startProcess()
				f.record(p.pid, p.start, "0")
				return f.loadFor(f.startProcess())
			}},
		// Without identity nobody is known to own the unit, so load takes it over.
		// The other writer's 0 is no longer valid then.
		{name: "load, directory of another writer", before: healthy, after: unhealthy,
			arrange: func(f *fixture) command {
				f.record(f.startProcess().pid, "", "0")
				return f.loadFor(f.startProcess())
			}},
		{name: "load, a file instead of the directory", before: unhealthy, after: unhealthy, mustFail: true, blocksLoad: true, similar: true,
			arrange: func(f *fixture) command {
				must(os.WriteFile(f.path(), []byte("0\n"), 0o644))
				return f.loadFor(f.startProcess())
			}},
		{name: "load, a symbolic link instead of the directory", before: unhealthy, after: unhealthy, mustFail: true, blocksLoad: true, similar: true,
			arrange: func(f *fixture) command {
				linkToHealthy(f)
				return f.loadFor(f.startProcess())
			}},
	}
}

// linkToHealthy makes the unit directory a symbolic link to the directory of a
// healthy unit.
func linkToHealthy(f *fixture) {
	p := f.startProcess()
	f.unit = "other"
	f.record(p.pid, p.start, "0")
	f.unit = "web"
	must(os.Symlink("other", f.path()))
}

// ownedUnit arranges a unit that a live process owns, with a code ("": not set),
// and a healthctl command.
func ownedUnit(code, name string, args ...string) func(f *fixture) command {
	return func(f *fixture) command {
		p := f.startProcess()
		f.record(p.pid, p.start, code)
		return command{argv: f.ctlArgs(name, args...), nextOwner: p}
	}
}

// sharedUnit is ownedUnit for a caller in a directory of user other, who has loaded. The
// group is root's, and everyone may write the error file.
func sharedUnit(code string, mode uint32, cred *syscall.Credential, name string, args ...string) func(f *fixture) command {
	const other = 65530
	return func(f *fixture) command {
		c := ownedUnit(code, name, args...)(f)
		must(unix.Chmod(f.path("error"), 0o666))
		for _, path := range []string{f.path(), f.path("pid"), f.path("identity"), f.path("error")} {
			must(unix.Chown(path, other, 0))
		}
		must(unix.Chmod(f.path(), mode))
		c.cred = cred
		return c
	}
}

func sets() []scenario {
	return []scenario{
		{name: "first set 0", before: unhealthy, after: healthy, code: "0", arrange: ownedUnit("", "set", "0")},
		{name: "set 0 over 0", before: healthy, after: healthy, code: "0", arrange: ownedUnit("0", "set", "0")},
		{name: "set 0 over 1000000", before: unhealthy, after: healthy, code: "0", similar: true, arrange: ownedUnit("1000000", "set", "0")},
		{name: "set 42 over 0", before: healthy, after: unhealthy, onFailure: unhealthy, code: "42", arrange: ownedUnit("0", "set", "42")},
		{name: "set 42 with a reason over 0", before: healthy, after: unhealthy, onFailure: unhealthy, code: "42",
			arrange: ownedUnit("0", "set", "42", "upstream", "gone")},
		{name: "set -7, out of range", before: healthy, after: unhealthy, onFailure: unhealthy, mustFail: true, similar: true, arrange: ownedUnit("0", "set", "-7")},
		{name: "set 0, owner gone", before: unhealthy, after: unhealthy, mustFail: true, code: "", similar: true,
			arrange: func(f *fixture) command {
				f.record(f.deadPid(), "1", "42")
				return command{argv: f.ctlArgs("set", "0")}
			}},
		{name: "set 0, same pid reused", before: unhealthy, after: unhealthy, mustFail: true,
			arrange: func(f *fixture) command {
				p := f.startProcess()
				f.record(p.pid, "1", "42")
				return command{argv: f.ctlArgs("set", "0"), nextOwner: p}
			}},
		{name: "set 0, -pid is not the owner", before: unhealthy, after: unhealthy, mustFail: true, similar: true,
			arrange: func(f *fixture) command {
				p := f.startProcess()
				f.record(p.pid, p.start, "")
				return command{argv: f.ctlArgs("set", "-pid", strconv.Itoa(f.startProcess().pid), "0"), nextOwner: p}
			}},
		{name: "set 0, no directory", before: unhealthy, after: unhealthy, mustFail: true, similar: true,
			arrange: func(f *fixture) command { return command{argv: f.ctlArgs("set", "0")} }},
		{name: "set 0, a symbolic link instead of the directory", before: unhealthy, after: unhealthy, mustFail: true, blocksLoad: true, similar: true,
			arrange: func(f *fixture) command {
				linkToHealthy(f)
				return command{argv: f.ctlArgs("set", "0")}
			}},
		{name: "set 0 in the directory of another writer", before: unhealthy, after: healthy, code: "0", similar: true,
			arrange: func(f *fixture) command {
				f.record(f.startProcess().pid, "", "42")
				return command{argv: f.ctlArgs("set", "0")}
			}},
		{name: "set 42 in the directory of another writer", before: healthy, after: unhealthy, onFailure: unhealthy, code: "42", similar: true,
			arrange: func(f *fixture) command {
				f.record(f.startProcess().pid, "", "0")
				return command{argv: f.ctlArgs("set", "42")}
			}},
		{name: "set 0 by root in the shared directory of another user", before: unhealthy, after: healthy, code: "0", similar: true,
			arrange: sharedUnit("42", 0o775, nil, "set", "0")},
		{name: "set 42 by a stranger in a sticky directory", before: healthy, after: unhealthy, onFailure: unhealthy, mustFail: true, similar: true,
			oneWay:  true, // to empty error: its name can be neither replaced nor removed
			arrange: sharedUnit("0", 0o1777, nobody, "set", "42")},
		{name: "beat over 0", before: healthy, after: healthy, arrange: ownedUnit("0", "beat")},
		{name: "beat over 42", before: unhealthy, after: unhealthy, similar: true, arrange: ownedUnit("42", "beat")},
		{name: "beat before the first set", before: unhealthy, after: unhealthy, mustFail: true, similar: true, arrange: ownedUnit("", "beat")},
	}
}

func resets() []scenario {
	return []scenario{
		{name: "reset", before: healthy, after: unhealthy, arrange: ownedUnit("0", "reset")},
		{name: "reset, same pid reused", before: unhealthy, after: unhealthy,
			arrange: func(f *fixture) command {
				p := f.startProcess()
				f.record(p.pid, "1", "0")
				return command{argv: f.ctlArgs("reset"), nextOwner: p}
			}},
		{name: "reset, not loaded", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command { return command{argv: f.ctlArgs("reset")} }},
	}
}

// appCommand returns the application as a command. Faults hit only the step last,
// after the first ones have succeeded.
func (f *fixture) appCommand(last string, first ...string) command {
	argv := append([]string{f.app, f.runDir, f.unit}, first...)
	return command{
		argv:      append(argv, "begin", last, "end"),
		countFrom: func(path string) bool { return path == "faults:begin" },
	}
}

// applications are scenarios in which the process that is stopped or killed is
// the recorded one: an application that uses package writer, and healthctl exec.
func applications() []scenario {
	does := func(last string, first ...string) func(*fixture) command {
		return func(f *fixture) command { return f.appCommand(last, first...) }
	}
	reused := func(f *fixture, c command) command { // as pid 1 after a restart of the container
		c.onStart = func(pid int) { f.record(pid, "1", "0") }
		return c
	}
	return []scenario{
		{name: "application loads", self: true, before: unhealthy, after: unhealthy, similar: true, arrange: does("load")},
		{name: "application loads, same pid reused", self: true, before: unhealthy, after: unhealthy,
			arrange: func(f *fixture) command { return reused(f, f.appCommand("load")) }},
		{name: "application loads again", self: true, before: healthy, after: unhealthy, similar: true, arrange: does("load", "load", "set:0")},
		{name: "application sets 0", self: true, before: unhealthy, after: healthy, code: "0", arrange: does("set:0", "load")},
		{name: "application sets 0 again", self: true, before: healthy, after: healthy, code: "0", arrange: does("set:0", "load", "set:0")},
		{name: "application sets 42", self: true, before: healthy, after: unhealthy, onFailure: unhealthy, code: "42",
			arrange: does("set:42:upstream gone", "load", "set:0")},
		{name: "application beats", self: true, before: healthy, after: healthy, similar: true, arrange: does("beat", "load", "set:0")},
		{name: "application resets", self: true, before: healthy, after: unhealthy, similar: true, arrange: does("reset", "load", "set:0")},
		{name: "exec", self: true, before: unhealthy, after: healthy, code: "0", similar: true,
			arrange: func(f *fixture) command { return command{argv: f.ctlArgs("exec", "sleep", "0")} }},
		{name: "exec, same pid reused", self: true, before: unhealthy, after: healthy, code: "0",
			arrange: func(f *fixture) command { return reused(f, command{argv: f.ctlArgs("exec", "sleep", "0")}) }},
	}
}
