//go:build linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkRun prints what healthctl run costs beside the small inits that do not look at
// what their child says, and beside a program in C that only receives it.
func BenchmarkRun(b *testing.B) {
	p := build(b)
	ctl, dir := filepath.Join(filepath.Dir(p.direct), "healthctl"), b.TempDir()
	command, receiver := compileC(b, "command"), compileC(b, "receiver")
	env := append(p.env[:1:1], "LIVENESS_RUNDIR="+dir, "LIVENESS_UNIT_NAME=run")
	run := []string{ctl, "run", "-ready", "notify"}

	fmt.Print("\n| | anonymous memory, KiB | tasks |\n| --- | --- | --- |\n")
	for _, parent := range [][]string{run, {"tini-static", "-s", "--"}, {"catatonit", "--"}} {
		path, err := exec.LookPath(parent[0])
		if err != nil {
			b.Logf("without %s: %v", parent[0], err)
			continue
		}
		var memory, tasks []int
		for range 11 {
			cmd := startIn(b, env, append(append([]string{path}, parent[1:]...), command, "idle"))
			time.Sleep(300 * time.Millisecond)
			memory, tasks = append(memory, statusField(b, cmd, "RssAnon")), append(tasks, statusField(b, cmd, "Threads"))
			end(cmd)
		}
		fmt.Printf("| %s | %d | %d |\n", filepath.Base(path), median(memory), median(tasks))
	}

	const beats = 3000
	cpu := func(argv ...string) (ns int) {
		cmd := startIn(b, env, append(argv, command, "beat", strconv.Itoa(beats)))
		time.Sleep(beats*time.Millisecond + 500*time.Millisecond)
		ns = onCPU(b, cmd)
		end(cmd)
		return ns
	}
	var ours, theirs []int
	for range 5 { // in turn, less what starting costs
		none := startIn(b, env, append(run, command, "idle"))
		time.Sleep(300 * time.Millisecond)
		start := onCPU(b, none)
		end(none)
		ours, theirs = append(ours, cpu(run...)-start), append(theirs, cpu(receiver, filepath.Join(dir, "socket")))
	}
	b.ReportMetric(float64(median(ours))/float64(median(theirs)), "heartbeats/C")

	var starts [2][]int
	for range 40 {
		for i, argv := range [][]string{{ctl, "exec"}, {ctl, "run"}} {
			var began unix.Timespec
			must(b, unix.ClockGettime(unix.CLOCK_MONOTONIC, &began))
			starts[i] = append(starts[i], number(b, env, append(argv, command, "start"))-int(began.Nano()))
		}
	}
	b.ReportMetric(float64(median(starts[1]))/float64(median(starts[0])), "start/exec")

	var ready []int
	for range 100 {
		ready = append(ready, number(b, env, append(run, command, "ready")))
	}
	b.ReportMetric(float64(median(ready))/1e6, "ready-ms")
	b.ReportMetric(float64(ready[len(ready)*99/100])/1e6, "ready-p99-ms") // median has sorted them
	b.ReportMetric(0, "ns/op")
}

// compileC compiles a program of testdata.
func compileC(b *testing.B, name string) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), name)
	if out, err := exec.Command("gcc", "-O2", "-static", "-o", path, "testdata/"+name+".c").CombinedOutput(); err != nil {
		b.Fatalf("%v %s", err, out)
	}
	return path
}

func startIn(b *testing.B, env, argv []string) *exec.Cmd {
	b.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(b, cmd.Start())
	return cmd
}

func end(cmd *exec.Cmd) {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
	cmd.Process.Signal(syscall.SIGTERM)
	for _, pid := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(pid); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	cmd.Wait()
}

// number runs a command and returns the number that it prints.
func number(b *testing.B, env, argv []string) int {
	b.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	out, err := cmd.Output()
	must(b, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	must(b, err)
	reset := exec.Command(argv[0], "reset")
	reset.Env = env
	must(b, reset.Run())
	return n
}

// statusField returns a number of /proc/<pid>/status.
func statusField(b *testing.B, cmd *exec.Cmd, name string) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	must(b, err)
	_, rest, _ := strings.Cut(string(status), "\n"+name+":")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	must(b, err)
	return n
}

// onCPU returns how many ns a process has run so far: sched-stats in the kernel's
// documentation.
func onCPU(b *testing.B, cmd *exec.Cmd) (ns int) {
	b.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", cmd.Process.Pid))
	must(b, err)
	for _, task := range tasks {
		held, err := os.ReadFile(task)
		must(b, err)
		n, err := strconv.Atoi(strings.Fields(string(held))[0])
		must(b, err)
		ns += n
	}
	return ns
}
