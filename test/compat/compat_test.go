//go:build linux

// Package compat holds healthprobe, healthctl and package writer against the programs they replace,
// both ways: testdata/compat has a bash check and a Python module, written afresh.
package compat

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

var programs string

func TestMain(m *testing.M) {
	if os.Getenv("COMPAT_APP") != "" {
		if err := goApp(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
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
	if err := testenv.Build(dir, testenv.Options{Plain: true}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestLives takes every pair of writers through a whole life each, one after the other in the same
// directory, with both checkers watching.
func TestLives(t *testing.T) {
	for _, first := range kinds {
		for _, second := range kinds {
			t.Run(first.name+"/"+second.name, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				m := &model{}
				m.life(p, "first", first)
				m.life(p, "second", second)
			})
		}
	}
}

// The model says what the files should mean. Where the probe asks for more than the script the
// field says so, and TestDifferences says why.
type model struct {
	alive, loaded, zero bool
	leftover            bool // an identity of ours from an earlier life, which only our load replaces
}

func (m *model) life(p *place, name string, k kind) {
	p.t.Helper()
	a := start(p.t, k, p.env)
	m.alive, m.loaded = true, false
	check := func(when string) {
		p.t.Helper()
		script := m.alive && m.loaded && m.zero
		p.expect(fmt.Sprintf("%s life, by %s, %s", name, k.name, when), script, script && !m.leftover)
	}
	do := func(command string) {
		p.t.Helper()
		if answer := a.do(command); answer != "ok" {
			p.t.Fatalf("%s life, by %s, %s: %s", name, k.name, command, answer)
		}
		switch {
		case command == "load":
			m.loaded = true
			if k.ours {
				m.zero, m.leftover = false, false
			}
		case command == "reset":
			m.loaded, m.zero = false, false
		default:
			m.zero = command == "set 0"
		}
		check("after " + command)
	}
	check("before load")
	for _, command := range strings.Split("load,set 0,set 3,set 0,reset,load,set 0", ",") {
		do(command)
	}
	a.end()
	m.alive = false
	check("after its end")
	m.leftover = m.leftover || k.ours
}

// TestDifferences is where the probe and the script disagree, all of it on purpose.
func TestDifferences(t *testing.T) {
	python, healthctl := kinds[1], kinds[2]
	healthy := func(t *testing.T, k kind) (*place, *app) {
		t.Helper()
		p := newPlace(t)
		a := start(t, k, p.env)
		a.do("load")
		a.do("set 0")
		p.expect("after set 0", true, true)
		return p, a
	}
	want := func(t *testing.T, says, part string) {
		t.Helper()
		if !strings.Contains(says, part) {
			t.Errorf("%q does not say %q", says, part)
		}
	}

	// A process that is dead but that nobody has waited for still has its directory in /proc.
	t.Run("zombie", func(t *testing.T) {
		p, a := healthy(t, python)
		a.cmd.Process.Kill()
		for state := ""; state != "Z"; {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			state = strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[0]
		}
		p.expect("zombie", true, false)
	})

	// The pid is that of a living process, which is not the one that was recorded.
	t.Run("reused pid", func(t *testing.T) {
		p, _ := healthy(t, healthctl)
		identity := strings.Fields(p.read("identity"))
		identity[1] += "0"
		p.write("identity", strings.Join(identity, " ")+"\n")
		_, says := p.expect("reused pid", true, false)
		want(t, says, "stale state")
	})

	// The original records any number. Here a code is 0 to 2^31-1, what is neither is no state at
	// all, and healthctl refuses it and leaves no older state standing.
	for _, code := range []string{"-1", "2147483648"} {
		t.Run("code "+code, func(t *testing.T) {
			p, a := healthy(t, python)
			a.do("set " + code)
			script, probe := p.expect("set "+code, false, false)
			want(t, script, "error "+code)
			want(t, probe, code)

			p, a = healthy(t, healthctl)
			if answer := a.do("set " + code); answer == "ok" {
				t.Errorf("healthctl set %s succeeds", code)
			}
			script, _ = p.expect("refused "+code, false, false)
			if strings.Contains(script, code) {
				t.Errorf("healthctl recorded %s", code)
			}
		})
	}

	// The original's load leaves the old error alone, so an old 0 speaks for the new process. With
	// the original's files alone nothing can be done about that but to refuse them.
	t.Run("old error", func(t *testing.T) {
		p, a := healthy(t, python)
		a.end()
		start(t, python, p.env).do("load")
		p.expect("loaded, not set", true, true)
		if says, ok := p.check("healthprobe", "-strict"); ok {
			t.Errorf("healthprobe -strict accepts a directory without identity: %s", says)
		}
		p = newPlace(t)
		a = start(t, python, p.env)
		a.do("load")
		a.do("set 0")
		a.end()
		start(t, healthctl, p.env).do("load")
		p.expect("loaded by healthctl, not set", false, false)
	})

	// Moving back: the script's writers know nothing of the identity that ours left behind.
	t.Run("leftover identity", func(t *testing.T) {
		p, a := healthy(t, healthctl)
		a.end()
		back := start(t, python, p.env)
		back.do("load")
		back.do("set 0")
		_, says := p.expect("leftover identity", true, false)
		want(t, says, "remove "+p.dir+"/identity")
		if err := os.Remove(p.dir + "/identity"); err != nil {
			t.Fatal(err)
		}
		p.expect("identity removed", true, true)
	})
}
