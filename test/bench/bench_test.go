//go:build linux

package bench

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

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/testenv"
)

// candidate is a program that checks a process, and what was measured of it.
type candidate struct {
	name string
	argv []string

	fork, vfork timing
	usage
}

// timing has the medians of many runs.
type timing struct {
	µs     float64
	ratio  float64 // µs as a multiple of the baseline's
	faults int
}

// BenchmarkProbe runs whole processes and prints a table. Ignore its ns/op, which
// means nothing here.
//
// Times are medians, from before the process is created until it has been waited
// for. They include the cost of the launcher (testdata/launch). Therefore there
// are two ratios to the baseline (testdata/baseline): with a launcher that forks,
// and with one that costs next to nothing. A heavy program slows down the one
// that runs after it, so light programs take turns only with light ones.
//
// Page faults are those of the program itself: what wait4 reports, less what it
// reports for the baseline, plus the one that the baseline itself has.
func BenchmarkProbe(b *testing.B) {
	p := build(b)
	dir, env, probe, baseline := p.dir, p.env, p.direct, []string{p.baseline}
	launch := filepath.Join(dir, "launch")
	must(b, testenv.BuildPackage(launch, "./test/bench/testdata/launch"))
	light := []*candidate{
		{name: "baseline", argv: baseline},
		{name: "healthprobe, direct entry", argv: []string{probe}},
		{name: "the same, -max-age 1h", argv: []string{probe, "-max-age", "1h"}},
	}
	if path := pidcheck(b); path != "" {
		light = append(light, &candidate{name: "static C, pid alone", argv: []string{path, filepath.Join(dir, "run", "web", "pid")}})
	}
	heavy := []*candidate{
		{name: "baseline", argv: baseline},
		{name: "healthprobe, runtime entry", argv: []string{p.plain}},
		{name: "bash script", argv: []string{"/bin/bash", script(b)}},
	}
	measure(b, launch, 500, env, light)
	measure(b, launch, 250, env, heavy)
	all := append(light, heavy[1:]...)
	for _, c := range all {
		for range 20 { // peak memory varies, since the kernel places the stack at random
			u := ptrace(b, env, c.argv...)
			u.peakKB = max(u.peakKB, c.peakKB)
			c.usage = u
		}
	}
	printTable(all)
	b.ReportMetric(0, "ns/op") // hides the meaningless figure
	b.ReportMetric(all[1].fork.ratio, "direct/baseline")
}

// programs are what is measured, and a unit that they find healthy.
type programs struct {
	dir, direct, plain, baseline string
	env                          []string
}

func build(t testing.TB) programs {
	t.Helper()
	testenv.Require(t, runtime.GOOS == "linux" && runtime.GOARCH == "amd64", "the baseline and the launcher exist only for linux/amd64")
	dir := t.TempDir()
	runDir, direct, plain := filepath.Join(dir, "run"), filepath.Join(dir, "direct"), filepath.Join(dir, "plain")
	must(t, os.Mkdir(runDir, 0o755))
	must(t, testenv.Build(direct, testenv.Options{}))
	must(t, testenv.Build(plain, testenv.Options{Plain: true}))
	p := programs{dir, filepath.Join(direct, "healthprobe"), filepath.Join(plain, "healthprobe"), filepath.Join(dir, "baseline"),
		[]string{"PATH=/usr/bin:/bin", state.RunDirEnv + "=" + runDir, state.UnitEnv + "=web"}}
	for _, args := range [][]string{{"load", "-pid", fmt.Sprint(os.Getpid())}, {"set", "0"}} {
		cmd := exec.Command(filepath.Join(direct, "healthctl"), args...)
		cmd.Env, cmd.Stderr = p.env, os.Stderr
		must(t, cmd.Run())
	}
	must(t, testenv.BuildPackage(p.baseline, "./test/bench/testdata/baseline", "-ldflags=-w -E=main.baseline"))
	return p
}

func printTable(candidates []*candidate) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "|\t|\ttime, µs\t|\tx baseline\t|\tby vfork, µs\t|\tx baseline\t|\tpage faults\t|\tthreads\t|\tpeak memory, KB\t|\tsystem calls\t|")
	fmt.Fprintln(w, "|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|\t---\t|")
	for _, c := range candidates {
		faults := c.vfork.faults - candidates[0].vfork.faults + 1
		fmt.Fprintf(w, "|\t%s\t|\t%.0f\t|\t%.2f\t|\t%.0f\t|\t%.2f\t|\t%d\t|\t%d\t|\t%d\t|\t%d\t|\n",
			c.name, c.fork.µs, c.fork.ratio, c.vfork.µs, c.vfork.ratio, faults, c.threads, c.peakKB, c.calls)
	}
	w.Flush()
}

// measure lets the programs take turns under the launcher and sets their timings.
// The first candidate is the baseline.
func measure(b *testing.B, launch string, turns int, env []string, candidates []*candidate) {
	b.Helper()
	for _, how := range []string{"fork", "vfork"} {
		args := []string{how, fmt.Sprint(turns)}
		for _, c := range candidates {
			args = append(append(args, "--"), c.argv...)
		}
		cmd := exec.Command(launch, args...)
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

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// script returns the path of the bash script that healthprobe replaces.
func script(b *testing.B) string {
	b.Helper()
	path, err := filepath.Abs("../compat/testdata/check.bash")
	must(b, err)
	return path
}

// pidcheck builds the checker in C and returns its path, or "" without a compiler.
func pidcheck(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "pidcheck")
	if out, err := exec.Command("gcc", "-O2", "-static", "-o", path, "testdata/pidcheck.c").CombinedOutput(); err != nil {
		b.Logf("without the checker in C: %v %s", err, out)
		return ""
	}
	return path
}
