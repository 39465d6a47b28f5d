//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/healthprobe/healthprobe/internal/need"
	"github.com/healthprobe/healthprobe/internal/state"
)

// A candidate is a program that says whether a process is well.
type candidate struct {
	name string
	argv []string

	fork, vfork timing
	observation
}

// A timing holds the medians of many runs.
type timing struct {
	µs     float64
	floors float64 // the same as a multiple of the floor
	faults int
}

// BenchmarkProbe runs whole processes and prints a table; its own figure says
// nothing. Times are medians, from before the process is made until it has been
// waited for, the launcher's share included: see testdata/launch. So there are
// two ratios to the floor (testdata/floor), with a launcher that forks and with
// one that costs next to nothing. Light programs run in turn with light ones.
//
// Page faults are those of the program itself: what wait4 reports, less what it
// reports for the floor, which has one.
func BenchmarkProbe(b *testing.B) {
	need.That(b, runtime.GOOS == "linux" && runtime.GOARCH == "amd64", "the floor and the launcher are for linux/amd64")
	place := newPlace(b, "web")
	env := []string{"PATH=/usr/bin:/bin", state.RunDirEnv + "=" + place.runDir, state.UnitEnv + "=web"}
	floor := []string{entered(b, "floor")}
	light := []*candidate{
		{name: "floor", argv: floor},
		{name: "healthprobe, direct door", argv: []string{directDoor(b)}},
		{name: "the same, -max-age 1h", argv: []string{directDoor(b), "-max-age", "1h"}},
	}
	if path := pidcheck(b); path != "" {
		light = append(light, &candidate{name: "static C, pid alone", argv: []string{path, place.path("pid")}})
	}
	heavy := []*candidate{
		{name: "floor", argv: floor},
		{name: "healthprobe, runtime door", argv: []string{plain(".").program(b, "healthprobe")}},
		{name: "bash script", argv: []string{"/bin/bash", check(b)}},
	}
	race(b, 500, env, light)
	race(b, 250, env, heavy)
	all := append(light, heavy[1:]...)
	for _, c := range all {
		for range 20 { // the kernel places the stack at random
			o := observe(b, env, c.argv...)
			o.peakKB = max(o.peakKB, c.peakKB)
			c.observation = o
		}
	}
	printTable(all)
	b.ReportMetric(0, "ns/op") // no such thing is measured
	b.ReportMetric(all[1].fork.floors, "direct/floor")
}

func printTable(candidates []*candidate) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "|\t|\ttime, µs\t|\tx floor\t|\tby vfork, µs\t|\tx floor\t|\tpage faults\t|\tthreads\t|\tpeak memory, KB\t|\tsystem calls\t|")
	fmt.Fprintln(w, "|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|")
	for _, c := range candidates {
		faults := c.vfork.faults - candidates[0].vfork.faults + 1
		fmt.Fprintf(w, "|\t%s\t|\t%.0f\t|\t%.2f\t|\t%.0f\t|\t%.2f\t|\t%d\t|\t%d\t|\t%d\t|\t%d\t|\n",
			c.name, c.fork.µs, c.fork.floors, c.vfork.µs, c.vfork.floors, faults, c.threads, c.peakKB, c.calls)
	}
	w.Flush()
}

// race runs programs in turn, the floor first. Of each turn 4 runs count.
func race(b *testing.B, turns int, env []string, candidates []*candidate) {
	b.Helper()
	for _, how := range []string{"fork", "vfork"} {
		args := []string{how, fmt.Sprint(turns)}
		for _, c := range candidates {
			args = append(append(args, "--"), c.argv...)
		}
		cmd := exec.Command(plain("./testdata/launch").program(b, "launch"), args...)
		cmd.Env, cmd.Stderr = env, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("%v: %v", cmd, err)
		}
		times, faults := make([][]int, len(candidates)), make([][]int, len(candidates))
		for line := range strings.Lines(string(out)) {
			var i, ns, n int
			if _, err := fmt.Sscan(line, &i, &ns, &n); err != nil {
				b.Fatal(err)
			}
			times[i], faults[i] = append(times[i], ns), append(faults[i], n)
		}
		for i, c := range candidates {
			ns := float64(median(times[i]))
			result := timing{ns / 1e3, ns / float64(median(times[0])), median(faults[i])}
			if how == "fork" {
				c.fork = result
			} else {
				c.vfork = result
			}
		}
	}
}

func median(of []int) int {
	slices.Sort(of)
	return of[len(of)/2]
}

// entered builds a program of testdata that has an entry of its own, with the
// linker's flags of .ci/build.
func entered(b *testing.B, name string) string {
	b.Helper()
	path := filepath.Join(workDir, name)
	if err := execute("go", []string{"CGO_ENABLED=0"}, "build", "-trimpath", "-ldflags=-w -E=main."+name, "-o", path, "./testdata/"+name); err != nil {
		b.Fatal(err)
	}
	return path
}

// check is the script that healthprobe replaces.
func check(b *testing.B) string {
	b.Helper()
	path, err := filepath.Abs("../../testdata/compat/check.bash")
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// pidcheck builds the checker in C, if there is a compiler.
func pidcheck(b *testing.B) string {
	b.Helper()
	path := filepath.Join(workDir, "pidcheck")
	if err := execute("gcc", nil, "-O2", "-static", "-o", path, "testdata/pidcheck.c"); err != nil {
		b.Logf("without the checker in C: %v", err)
		return ""
	}
	return path
}
