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

// world is one run directory with one unit, and the processes around it.
type world struct {
	*harness
	runDir, unit string
	lives        []*life
}

func (h *harness) newWorld() *world {
	dir, err := os.MkdirTemp(scratch, "run-")
	must(err)
	must(os.Chmod(dir, 0o755))
	return &world{harness: h, runDir: dir, unit: "web"}
}

func (w *world) close() {
	for _, l := range w.lives {
		l.end()
	}
	os.RemoveAll(w.runDir)
}

// must is for what only a broken machine breaks.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// path gives a file of the unit; the unit directory without names.
func (w *world) path(names ...string) string {
	return filepath.Join(append([]string{w.runDir, w.unit}, names...)...)
}

func (w *world) put(name, content string) {
	must(os.MkdirAll(w.path(), 0o755))
	must(os.WriteFile(w.path(name), []byte(content), 0o644))
}

// record writes the state files as an earlier load and set did. start "" leaves
// the identity out, as other writers do; code "" means not set.
func (w *world) record(pid int, start, code string) {
	w.put("pid", strconv.Itoa(pid)+"\n")
	if start != "" {
		w.put("identity", fmt.Sprintf("%d %s %s\n", pid, start, bootID()))
	}
	if code != "" {
		w.put("error", code+"\n")
	}
}

// file gives what a state file holds, and whether it is there.
func (w *world) file(name string) (content string, exists bool) {
	b, err := os.ReadFile(w.path(name))
	return string(b), !errors.Is(err, os.ErrNotExist)
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	must(err)
	return strings.TrimSpace(string(b))
}

// life is a process that does nothing but live.
type life struct {
	pid   int
	start string // its start time, as in /proc
	cmd   *exec.Cmd
	stdin io.Closer
}

func (w *world) life() *life { return w.begin(exec.Command("sleep", "1000")) }

// begin starts a process and notes which one it is.
func (w *world) begin(cmd *exec.Cmd) *life {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL // should the test be killed
	must(cmd.Start())
	l := &life{pid: cmd.Process.Pid, cmd: cmd}
	if fields := stat(l.pid); fields != nil { // else there is no /proc
		l.start = fields[22-3]
	}
	w.lives = append(w.lives, l)
	return l
}

// application starts the application and waits until it says that it is ready.
func (w *world) application(steps ...string) *life {
	cmd := exec.Command(w.app, append([]string{w.runDir, w.unit}, steps...)...)
	stdin, err := cmd.StdinPipe()
	must(err)
	stdout, err := cmd.StdoutPipe()
	must(err)
	l := w.begin(cmd)
	l.stdin = stdin
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		panic("the application ended early: " + strings.Join(steps, " "))
	}
	return l
}

// zombie kills the process and does not wait for it.
func (l *life) zombie() {
	must(l.cmd.Process.Kill())
	for deadline := time.Now().Add(hangs); stat(l.pid)[0] != "Z"; {
		if time.Now().After(deadline) {
			panic("no zombie")
		}
		time.Sleep(time.Millisecond)
	}
}

func (l *life) end() {
	l.cmd.Process.Kill()
	l.cmd.Wait()
}

// dead gives the pid of a process that is no more.
func (w *world) dead() int {
	l := w.life()
	l.end()
	return l.pid
}

// stat gives the fields of /proc/<pid>/stat from the third on; nil if there is
// no /proc.
func stat(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(err)
	return strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
}

func lookUp(program string) (path string) {
	path, err := exec.LookPath(program)
	must(err)
	return path
}

// outcome is how a command ended.
type outcome struct {
	status         int // -1: by a signal
	stdout, stderr string
}

// command runs a program to its end.
func (w *world) command(argv ...string) outcome {
	return w.commandAs(nil, argv...)
}

func (w *world) commandAs(cred *syscall.Credential, argv ...string) outcome {
	ctx, stop := context.WithTimeout(context.Background(), hangs)
	defer stop()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	err := cmd.Run()
	if ctx.Err() != nil {
		w.violated("%s did not end in %v", strings.Join(argv, " "), hangs)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		panic(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func (w *world) ctlArgs(command string, args ...string) []string {
	return append([]string{w.ctl, command, "-rundir", w.runDir, "-unit", w.unit}, args...)
}

func (w *world) healthctl(command string, args ...string) outcome {
	return w.command(w.ctlArgs(command, args...)...)
}

func (w *world) load(l *life) outcome { return w.healthctl("load", "-pid", strconv.Itoa(l.pid)) }

func (w *world) probeArgs(flags ...string) []string {
	return append([]string{w.probe, "-rundir", w.runDir, "-unit", w.unit}, flags...)
}

// healthy asks the real probe. Whatever its verdict, it has to be a proper one.
func (w *world) healthy(flags ...string) (healthy bool, line string) {
	o := w.command(w.probeArgs(flags...)...)
	w.proper(o, strings.Join(flags, " "))
	return o.status == 0, strings.TrimSpace(o.stderr)
}

// proper holds an answer of the probe against its promises: status 0 and
// silence, or 1 and one line that begins like all others.
func (w *world) proper(o outcome, where string) {
	switch {
	case o.status == 0 && o.stderr == "":
	case o.status == 1 && strings.HasPrefix(o.stderr, "unhealthy: ") && strings.HasSuffix(o.stderr, "\n") &&
		strings.Count(o.stderr, "\n") == 1 && len(o.stderr) <= 1000:
	default:
		w.violated("the probe's answer is not a proper one (%s): status %d, %q", where, o.status, o.stderr)
	}
}
