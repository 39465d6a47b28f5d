//go:build linux && amd64

package faults

import "os"

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
