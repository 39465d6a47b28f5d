//go:build linux && amd64

package faults

import (
	"os"
	"strconv"
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
