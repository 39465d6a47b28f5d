//go:build linux

package compat

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDifferences lists the units that the original script calls healthy and
// healthprobe does not. Each is healthy for all checkers before its change.
func TestDifferences(t *testing.T) {
	for _, d := range []struct {
		name      string
		writer    writerKind
		change    func(f *fixture, a *app)
		idealised bool   // the idealised script calls it healthy as well
		says      string // part of what healthprobe prints
	}{
		// error: the script's test(1) finds nothing above 0.
		{"error -1", byOriginalModule, command("set -1"), false, `/error holds "-1"`},
		{"error is text", byOriginalModule, command("set down"), false, `/error holds "down"`},
		{"error is two values", byHand, command("set 0 3"), false, `/error holds "0 3"`},
		{"error is two values, the first not zero", byHand, command("set 3 0"), false, `/error holds "3 0"`},
		{"error is two lines", byHand, holds("error", "0\n3\n"), true, `/error holds "0\n3"`},
		{"error above 2^63", byOriginalModule, command("set 9223372036854775808"), false, `/error holds "9223372036854775808"`},
		{"error has a leading zero", byHand, holds("error", "00\n"), false, `/error holds "00"`},
		{"error is empty", byHand, holds("error", ""), false, "/error is empty"},
		{"error is missing", byHand, remove("error"), false, "not set"},
		{"error is a symbolic link", byHand, link("error"), true, "/error"},

		// pid: the script takes whatever names something in /proc.
		{"pid is self", byHand, holds("pid", "self\n"), true, `/pid holds "self"`},
		{"pid is a path", byHand, func(f *fixture, a *app) { f.write("pid", fmt.Sprintf("%d/fd", a.pid)) }, true, `/fd": want a pid`},
		{"pid is empty", byHand, holds("pid", ""), false, "/pid is empty"},
		{"pid is a symbolic link", byHand, link("pid"), true, "/pid"},

		// The process: only healthprobe looks at more than whether /proc lists it.
		{"zombie", byOriginalModule, zombie, true, "zombie"},
		{"stale pid", byHealthctl, reuse, true, "stale state"},

		// A previous run: the script reads neither the identity nor the lack of a set.
		{"identity left over", byHealthctl, rerun(byOriginalModule, "load", "set 0"), true, "remove "},
		{"identity and error left over", byHealthctl, rerun(byOriginalModule, "load"), true, "remove "},
		{"loaded again by healthctl, not set", byOriginalModule, rerun(byHealthctl, "load"), false, "not set"},

		{"unit directory is a symbolic link", byHand, linkDir, true, "directory"},
	} {
		t.Run(d.name, func(t *testing.T) {
			f := newFixture(t)
			a := f.start(d.writer)
			a.mustDo("load", "set 0")
			f.expect("before", all...)
			d.change(f, a)
			healthy := []string{original}
			if d.idealised {
				healthy = append(healthy, idealised)
			}
			if says := f.expect("after", healthy...); !strings.Contains(says[probe], d.says) {
				t.Errorf("healthprobe prints %q, want %q", says[probe], d.says)
			}
		})
	}
}

func command(line string) func(*fixture, *app) {
	return func(_ *fixture, a *app) { a.mustDo(line) }
}

func holds(name, content string) func(*fixture, *app) {
	return func(f *fixture, _ *app) { f.write(name, content) }
}

func remove(name string) func(*fixture, *app) {
	return func(f *fixture, _ *app) { f.must(os.Remove(f.path(name))) }
}

// link moves a file away and leaves a symbolic link to it.
func link(name string) func(*fixture, *app) {
	return func(f *fixture, _ *app) {
		f.must(os.Rename(f.path(name), f.path("moved")))
		f.must(os.Symlink("moved", f.path(name)))
	}
}

func linkDir(f *fixture, _ *app) {
	f.must(os.Rename(f.dir, f.rundir+"/moved"))
	f.must(os.Symlink("moved", f.dir))
}

// zombie kills the application and does not reap it: it is still in /proc.
func zombie(f *fixture, a *app) {
	a.cmd.Process.Kill()
	for state := ""; state != "Z"; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.pid))
		f.must(err)
		state = strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[0]
	}
}

// reuse changes the recorded start time, since a test cannot have the kernel
// reuse the pid. A container that restarts does, every time: pid 1.
func reuse(f *fixture, _ *app) {
	identity := strings.Fields(f.read("identity"))
	identity[1] += "0"
	f.write("identity", strings.Join(identity, " ")+"\n")
}

// rerun kills the application and starts another in its place.
func rerun(w writerKind, commands ...string) func(*fixture, *app) {
	return func(f *fixture, a *app) {
		a.kill()
		f.start(w).mustDo(commands...)
	}
}
