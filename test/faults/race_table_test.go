//go:build linux && amd64

package faults

import "os"

func pairs() (all []pair) {
	for _, list := range [][]pair{lives(), changesAtOnce(), probesAtOnce()} {
		all = append(all, list...)
	}
	return all
}

// lives are pairs in which one process follows another.
func lives() []pair {
	return []pair{
		{"two loads", func(w *world) encounter {
			a, b := w.life(), w.life()
			second := false
			return encounter{
				stopped: w.ctlArgs("load", "-pid", a.pidArg()),
				other:   func() { second = w.load(b).status == 0 },
				judge: func(end ending) string {
					switch first := end.status == 0; {
					case first && second:
						return "two live processes were told that they own the unit"
					case !first && !second:
						return "neither got the unit"
					}
					if ok, _ := w.healthy("-live"); !ok {
						return "the one that got the unit is not recorded"
					}
					return w.neverSet(end)
				},
			}
		}},
		{"load; another loads, sets 0 and dies", func(w *world) encounter {
			a, b := w.life(), w.life()
			return encounter{
				stopped: w.ctlArgs("load", "-pid", a.pidArg()),
				other: func() {
					w.load(b)
					w.healthctl("set", "-pid", b.pidArg(), "0")
					b.end()
				},
				judge: w.neverSet,
			}
		}},
		{"late set; the next load", func(w *world) encounter {
			a, b := w.ownedBy(""), w.life()
			return encounter{
				stopped: w.ctlArgs("set", "-pid", a.pidArg(), "0"),
				other: func() {
					a.end()
					w.load(b)
				},
				judge: w.neverSet,
			}
		}},
		{"load; a late set of the one before", func(w *world) encounter {
			a, b := w.ownedBy("0"), w.life()
			a.end()
			return encounter{
				stopped: w.ctlArgs("load", "-pid", b.pidArg()),
				other:   func() { w.healthctl("set", "-pid", a.pidArg(), "0") },
				judge:   w.neverSet,
			}
		}},
		{"reset; the next load and set", func(w *world) encounter {
			a, b := w.ownedBy("0"), w.life()
			return encounter{
				stopped: w.ctlArgs("reset"),
				other: func() {
					a.end()
					w.load(b)
					w.healthctl("set", "-pid", b.pidArg(), "0")
				},
				judge: w.allOrNothing,
			}
		}},
		{"load; reset", func(w *world) encounter {
			a, b := w.ownedBy("0"), w.life()
			a.end()
			return encounter{
				stopped: w.ctlArgs("load", "-pid", b.pidArg()),
				other:   func() { w.healthctl("reset") },
				judge: func(end ending) string {
					if wrong := w.allOrNothing(end); wrong != "" {
						return wrong
					}
					return w.neverSet(end)
				},
			}
		}},
		{"load; directory removed and made anew, another loads and sets 0", func(w *world) encounter {
			a, b := w.life(), w.life()
			return encounter{
				stopped: w.ctlArgs("load", "-pid", a.pidArg()),
				other: func() {
					w.anew()
					w.load(b)
					w.healthctl("set", "-pid", b.pidArg(), "0")
				},
				judge: func(end ending) string {
					// Made anew between the two locks of a load, the directory is as
					// free as any: either may get it, but only the other ever set 0.
					if pid, _ := w.file("pid"); pid == a.pidArg()+"\n" {
						return w.neverSet(end)
					}
					return w.isHealthy(end)
				},
			}
		}},
	}
}

// changesAtOnce are pairs that change the state of one process.
func changesAtOnce() []pair {
	return []pair{
		{"set 0; directory removed and made anew, another loads", func(w *world) encounter {
			a, b := w.ownedBy(""), w.life()
			return encounter{
				stopped: w.ctlArgs("set", "-pid", a.pidArg(), "0"),
				other: func() {
					w.anew()
					w.load(b)
				},
				judge: w.neverSet,
			}
		}},
		{"set 0; directory moved away and made anew, another loads", func(w *world) encounter {
			a, b := w.ownedBy(""), w.life()
			return encounter{
				stopped: w.ctlArgs("set", "-pid", a.pidArg(), "0"),
				other: func() {
					must(os.Rename(w.path(), w.path()+".old"))
					w.load(b)
				},
				judge: func(end ending) string {
					if end.early && end.status == 0 {
						return "it was told that it had set a unit that was another's by then"
					}
					return w.neverSet(end)
				},
			}
		}},
		{"set 42; directory removed and made anew, another loads and sets 0", func(w *world) encounter {
			a, b := w.ownedBy("0"), w.life()
			return encounter{
				stopped: w.ctlArgs("set", "-pid", a.pidArg(), "42"),
				other: func() {
					w.anew()
					w.load(b)
					w.healthctl("set", "-pid", b.pidArg(), "0")
				},
				judge: w.isHealthy,
			}
		}},
		{"beat; set 42", func(w *world) encounter {
			w.ownedBy("0")
			return encounter{w.ctlArgs("beat"), func() { w.healthctl("set", "42") }, w.holds("42")}
		}},
		{"set 42; beat", func(w *world) encounter {
			w.ownedBy("0")
			return encounter{w.ctlArgs("set", "42"), func() { w.healthctl("beat") }, w.holds("42")}
		}},
		{"set 0; set 1000000", func(w *world) encounter {
			w.ownedBy("42")
			return encounter{w.ctlArgs("set", "0"), func() { w.healthctl("set", "1000000") }, w.holds("0", "1000000")}
		}},
		{"set 0; set 0", func(w *world) encounter {
			w.ownedBy("0")
			return encounter{w.ctlArgs("set", "0"), func() { w.healthctl("set", "0") }, w.isHealthy}
		}},
	}
}

// probesAtOnce are pairs in which the stopped one is the probe.
func probesAtOnce() []pair {
	return []pair{
		{"probe; set 0 and beat", func(w *world) encounter {
			w.ownedBy("0")
			return encounter{w.probeArgs(), func() {
				w.healthctl("set", "0")
				w.healthctl("beat")
			}, saidHealthy}
		}},
		{"probe with a limit; set 0 and beat", func(w *world) encounter {
			w.ownedBy("0")
			return encounter{w.probeArgs("-max-age", "1h"), func() {
				w.healthctl("beat")
				w.healthctl("set", "0")
			}, saidHealthy}
		}},
		{"probe of a stale 0; load", func(w *world) encounter {
			a, b := w.ownedBy("0"), w.life()
			a.end()
			return encounter{w.probeArgs(), func() { w.load(b) }, saidUnhealthy}
		}},
		{"probe of a stale 0; reset and load", func(w *world) encounter {
			a, b := w.ownedBy("0"), w.life()
			a.end()
			return encounter{w.probeArgs("-v"), func() {
				w.healthctl("reset")
				w.load(b)
			}, saidUnhealthy}
		}},
		{"probe of 42; load by the same process", func(w *world) encounter {
			a := w.ownedBy("42")
			return encounter{w.probeArgs(), func() { w.load(a) }, saidUnhealthy}
		}},
	}
}
