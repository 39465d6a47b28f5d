//go:build linux

package kubelet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// probes are what the benchmark has an engine run.
var probes = []struct {
	name    string
	command []string
}{
	{"exits at once", []string{"/nothing"}},
	{"direct entry", []string{"/healthprobe"}},
	{"runtime entry", []string{"/ordinary"}},
	{"bash script", []string{"/bin/bash", "/check.bash"}},
}

// block is how often a command runs before the next has its turn: the CPU time that an engine spends
// after its answer then falls mostly to the command that caused it.
const block = 10

// BenchmarkExec measures one exec probe from end to end, and prints a table. Ignore its ns/op. Repeat
// with -benchtime=50x: each round runs every command ten times.
//
//	ExecSync   what the kubelet calls: containerd, its shim and the runtime all have a part in it
//	exec       the runtime's own command alone
//	CPU        of all processes that took part, mean of the median round
func BenchmarkExec(b *testing.B) {
	requireContainerd(b)
	table := "| | | p50, ms | p99, ms | CPU, ms |\n|---|---|---|---|---|\n"
	for _, handler := range []string{"runc", "crun"} {
		id := startContainer(b, handler, "/bin/sleep", "infinity")
		for _, way := range []struct {
			name string
			call func(command []string) (cpu time.Duration, err error)
		}{
			{"ExecSync, " + handler, func(command []string) (time.Duration, error) {
				before := groupCPU(b)
				err := succeeds(execSync(id, command))
				return groupCPU(b) - before, err
			}},
			{handler + " exec", func(command []string) (time.Duration, error) {
				cmd := exec.Command(handler, append([]string{"--root", "/run/containerd/runc/k8s.io", "exec", id}, command...)...)
				_, err := run(cmd)
				return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
			}},
		} {
			b.Run(strings.ReplaceAll(way.name, " ", ""), func(b *testing.B) {
				table += measure(b, way.name, way.call)
			})
		}
	}
	fmt.Printf("%s\n\n%s\n", measuredOn("runc", "crun"), table)
}

// measure returns a row of the table for each probe.
func measure(b *testing.B, name string, call func([]string) (time.Duration, error)) (rows string) {
	walls, cpus := make([][]time.Duration, len(probes)), make([][]time.Duration, len(probes))
	for b.Loop() {
		for i, probe := range probes {
			var cpu time.Duration
			for range block {
				start := time.Now()
				used, err := call(probe.command)
				if err != nil {
					b.Fatal(err)
				}
				walls[i] = append(walls[i], time.Since(start))
				cpu += used
			}
			cpus[i] = append(cpus[i], cpu/block)
		}
	}
	b.ReportMetric(0, "ns/op") // hides the meaningless figure
	for i, probe := range probes {
		slices.Sort(walls[i])
		slices.Sort(cpus[i])
		at := func(d []time.Duration, percent int) float64 {
			return float64(d[(len(d)-1)*percent/100].Microseconds()) / 1000
		}
		rows += fmt.Sprintf("| %s | %s | %.1f | %.1f | %.1f |\n", name, probe.name, at(walls[i], 50), at(walls[i], 99), at(cpus[i], 50))
		name = ""
	}
	return rows
}

// groupCPU returns the CPU time that containerd, its shims and all containers have used.
func groupCPU(b *testing.B) time.Duration {
	b.Helper()
	group := filepath.Join(controllerRoot("cpuacct"), cgroupParent())
	name, unit := "cpuacct.usage", time.Nanosecond
	if cgroupVersion() == 2 {
		name, unit = "cpu.stat", time.Microsecond
	}
	text, err := os.ReadFile(filepath.Join(group, name))
	if err != nil {
		b.Fatal(err)
	}
	line, _, _ := strings.Cut(strings.TrimPrefix(string(text), "usage_usec "), "\n") // v2's first line
	used, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(used) * unit
}
