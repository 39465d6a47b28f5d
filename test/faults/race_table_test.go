//go:build linux && amd64

package faults

import "os"

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
