//go:build linux

// Package compat compares healthprobe, healthctl and package writer with the
// programs that they replace, as checkers and as writers.
//
// testdata has two bash checks and two Python modules, all written for these
// tests. check.bash and liveness.py do what their users expect; original.bash
// and original_liveness.py behave like the ones that were in use, flaws included.
package compat

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

var programs string // the directory of healthprobe and healthctl

func TestMain(m *testing.M) {
	if os.Getenv("COMPAT_APP") != "" {
		if err := goApp(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Set("test.parallel", strconv.Itoa(4*runtime.NumCPU())) // applications and checkers wait for each other
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "healthprobe-compat-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	return m.Run()
}

// build builds the programs, once. It runs in the first test and not in TestMain:
// see testenv.TrackSources.
var build = sync.OnceValue(func() error { return testenv.Build(programs, testenv.Options{}) })

// TestPairs runs two applications, one after the other in the same directory, for
// every pair of writers, and without CI=true for those of one of ours and another. All
// checkers are asked after each step.
func TestPairs(t *testing.T) {
	for _, first := range writers {
		for _, second := range writers {
			if first.ours == second.ours && !testenv.CI() {
				continue
			}
			t.Run(first.name+"/"+second.name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				m := &model{}
				m.run(f, "first", first)
				m.run(f, "second", second)
			})
		}
	}
}

// A model predicts what the checkers say from what the writers did.
type model struct {
	alive, loaded bool
	code          string // in the error file; "": there is none
	leftover      bool   // there is an identity of a previous run, which only our own load replaces
}

func (m *model) healthy() (checkers []string) {
	if !m.alive || !m.loaded {
		return nil
	}
	if m.code == "" || m.code == "0" {
		checkers = append(checkers, original)
	}
	if m.code == "0" {
		checkers = append(checkers, idealised)
	}
	if m.code == "0" && !m.leftover {
		checkers = append(checkers, probe)
	}
	return checkers
}

func (m *model) run(f *fixture, turn string, w writerKind) {
	f.t.Helper()
	a := f.start(w)
	m.alive, m.loaded = true, false
	check := func(when string) {
		f.t.Helper()
		f.expect(fmt.Sprintf("%s run, by %s, %s", turn, w.name, when), m.healthy()...)
	}
	check("before load")
	for _, command := range strings.Split("load,set 0,set 3,set 0,reset,load,set 0", ",") {
		a.mustDo(command)
		switch {
		case command == "load":
			m.loaded = true
			if w.ours {
				m.code, m.leftover = "", false
			}
		case command == "reset":
			m.loaded, m.code = false, ""
		default:
			m.code = strings.TrimPrefix(command, "set ")
		}
		check("after " + command)
	}
	a.kill()
	m.alive = false
	check("after its exit")
	m.leftover = m.leftover || w.ours
}

// TestDefaultUnit leaves the unit's name to the programs: it is the host name.
func TestDefaultUnit(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range writers {
		t.Run(w.name, func(t *testing.T) {
			f := newFixture(t)
			f.use(host)
			f.env = append(f.env, "CIC_UNIT=", "LIVENESS_UNIT_NAME=", "HOSTNAME="+host)
			f.start(w).mustDo("load", "set 0")
			f.expect("set by "+w.name, all...)
			f.read("pid") // not in another directory
		})
	}
}

// TestVariables is about the names of the variables, in which the original
// script differs from everything else: a container that has only its names needs
// flags for healthprobe.
func TestVariables(t *testing.T) {
	f := newFixture(t)
	f.start(byOriginalModule).mustDo("load", "set 0")
	elsewhere := "LIVENESS_RUNDIR=" + t.TempDir()
	f.env = append(f.env, elsewhere)
	f.expect("only CIC_RUNDIR names the directory", original)
	if says, healthy := f.check(probe, "-rundir", f.rundir, "-unit", "web"); !healthy {
		t.Errorf("with flags: %s", says)
	}
	f.env = append(f.env, "LIVENESS_RUNDIR="+f.rundir, "CIC_UNIT=other")
	f.expect("only LIVENESS_UNIT_NAME names the unit", idealised, probe)
}
