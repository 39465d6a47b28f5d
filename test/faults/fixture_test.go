//go:build linux && amd64

package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fixture is one run directory with one unit, and the processes around it.
type fixture struct {
	*harness
	runDir, unit string
	processes    []*process
}

func (h *harness) newFixture() *fixture {
	dir, err := os.MkdirTemp(scratch, "run-")
	must(err)
	must(os.Chmod(dir, 0o755))
	return &fixture{harness: h, runDir: dir, unit: "web"}
}

func (f *fixture) close() {
	for _, p := range f.processes {
		p.kill()
	}
	os.RemoveAll(f.runDir)
}

// must panics on errors that only a broken machine causes.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// path returns the path of a file of the unit, or of the unit directory itself.
func (f *fixture) path(names ...string) string {
	return filepath.Join(append([]string{f.runDir, f.unit}, names...)...)
}

func (f *fixture) writeFile(name, content string) {
	must(os.MkdirAll(f.path(), 0o755))
	must(os.WriteFile(f.path(name), []byte(content), 0o644))
}

// record writes the state files as a previous load and set did. Without start it
// omits identity, as other writers do. Without code the unit is not set.
func (f *fixture) record(pid int, start, code string) {
	f.writeFile("pid", strconv.Itoa(pid)+"\n")
	if start != "" {
		f.writeFile("identity", fmt.Sprintf("%d %s %s\n", pid, start, bootID()))
	}
	if code != "" {
		f.writeFile("error", code+"\n")
	}
}

// readFile returns the content of a state file and whether it exists.
func (f *fixture) readFile(name string) (content string, exists bool) {
	b, err := os.ReadFile(f.path(name))
	return string(b), !errors.Is(err, os.ErrNotExist)
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	must(err)
	return strings.TrimSpace(string(b))
}

// process is a running process: usually sleep, or the application.
type process struct {
	pid   int
	start string // its start time, as in /proc/<pid>/stat
	cmd   *exec.Cmd
	stdin io.Closer
}

// startProcess starts a process that only sleeps, to own a unit.
func (f *fixture) startProcess() *process { return f.start(exec.Command("sleep", "1000")) }

// start starts cmd and notes its pid and start time. close kills it.
func (f *fixture) start(cmd *exec.Cmd) *process {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL // if the test itself is killed
	must(cmd.Start())
	p := &process{pid: cmd.Process.Pid, cmd: cmd}
	if fields := stat(p.pid); fields != nil { // else there is no /proc
		p.start = fields[22-3]
	}
	f.processes = append(f.processes, p)
	return p
}

// startApp starts the application and waits for the line that step ready prints.
func (f *fixture) startApp(steps ...string) *process {
	cmd := exec.Command(f.app, append([]string{f.runDir, f.unit}, steps...)...)
	stdin, err := cmd.StdinPipe()
	must(err)
	stdout, err := cmd.StdoutPipe()
	must(err)
	p := f.start(cmd)
	p.stdin = stdin
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		panic("the application ended early: " + strings.Join(steps, " "))
	}
	return p
}

// makeZombie kills the process without reaping it.
func (p *process) makeZombie() {
	must(p.cmd.Process.Kill())
	for deadline := time.Now().Add(hangTimeout); stat(p.pid)[0] != "Z"; {
		if time.Now().After(deadline) {
			panic("no zombie")
		}
		time.Sleep(time.Millisecond)
	}
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// deadPid returns the pid of a process that has ended.
func (f *fixture) deadPid() int {
	p := f.startProcess()
	p.kill()
	return p.pid
}

// stat returns the fields of /proc/<pid>/stat from the third on, or nil without
// /proc.
func stat(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(err)
	return strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
}

func lookPath(program string) (path string) {
	path, err := exec.LookPath(program)
	must(err)
	return path
}

// outcome is how a command ended.
type outcome struct {
	status         int // -1 if a signal ended it
	stdout, stderr string
}

// command runs a program to its end.
func (f *fixture) command(argv ...string) outcome {
	return f.commandAs(nil, argv...)
}

func (f *fixture) commandAs(cred *syscall.Credential, argv ...string) outcome {
	ctx, stop := context.WithTimeout(context.Background(), hangTimeout)
	defer stop()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	err := cmd.Run()
	if ctx.Err() != nil {
		f.violationf("%s did not end in %v", strings.Join(argv, " "), hangTimeout)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		panic(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func (f *fixture) ctlArgs(command string, args ...string) []string {
	return append([]string{f.ctl, command, "-rundir", f.runDir, "-unit", f.unit}, args...)
}

func (f *fixture) healthctl(command string, args ...string) outcome {
	return f.command(f.ctlArgs(command, args...)...)
}

func (f *fixture) load(p *process) outcome { return f.healthctl("load", "-pid", strconv.Itoa(p.pid)) }

func (f *fixture) probeArgs(flags ...string) []string {
	return append([]string{f.probe, "-rundir", f.runDir, "-unit", f.unit}, flags...)
}

// healthy runs the real probe. It also checks the form of what the probe prints.
func (f *fixture) healthy(flags ...string) (healthy bool, line string) {
	o := f.command(f.probeArgs(flags...)...)
	f.checkOutput(o, strings.Join(flags, " "))
	return o.status == 0, strings.TrimSpace(o.stderr)
}

// checkOutput checks that the probe exits with 0 and prints no error, or exits
// with 1 and prints one line that starts with "unhealthy: ".
func (f *fixture) checkOutput(o outcome, where string) {
	switch {
	case o.status == 0 && o.stderr == "":
	case o.status == 1 && strings.HasPrefix(o.stderr, "unhealthy: ") && strings.HasSuffix(o.stderr, "\n") &&
		strings.Count(o.stderr, "\n") == 1 && len(o.stderr) <= 1000:
	default:
		f.violationf("malformed output of the probe (%s): status %d, %q", where, o.status, o.stderr)
	}
}
