// Demo shows the whole life of an application, on real processes: it builds the
// programs into a temporary directory, starts examples/worker and runs
// healthprobe after each step. It fails if an answer is not the one that it
// explains.
//
//	go run ./examples/demo
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "healthprobe-demo-")
	if err == nil {
		d := &demo{dir: dir}
		err = d.run()
		d.end()
		os.RemoveAll(dir)
	}
	if err != nil {
		log.Fatal("demo: ", err)
	}
}

type demo struct {
	dir    string
	worker *exec.Cmd
	failed error // the first thing that went wrong
}

func (d *demo) run() error {
	if err := d.build(); err != nil {
		return err
	}
	spool := filepath.Join(d.dir, "spool")
	if err := os.Mkdir(spool, 0o755); err != nil {
		return err
	}
	d.title("Nothing has been loaded yet")
	d.ask(1, "healthprobe")

	d.title("A check fails: the worker does not start")
	d.ask(1, "worker", "-spool", filepath.Join(d.dir, "missing"))

	d.title("Loaded: alive, but not ready")
	d.start("worker", "-wait", "-spool", spool)
	d.eventually(0, "healthprobe", "-live")
	d.ask(1, "healthprobe")

	d.title("set 0, just before the main loop: healthy, and silent unless -v is given")
	d.signal(syscall.SIGUSR2)
	d.eventually(0, "healthprobe")
	d.ask(0, "healthprobe", "-v")
	d.ask(0, "healthctl", "status")

	d.title("An error: not ready, but alive, so no reason to restart it")
	d.signal(syscall.SIGUSR1)
	d.eventually(1, "healthprobe")
	d.ask(0, "healthprobe", "-live")

	d.title("Recovered")
	d.signal(syscall.SIGUSR2)
	d.eventually(0, "healthprobe")

	d.title("The loop hangs: the heartbeat is lost")
	d.ask(0, "healthprobe", "-live", "-max-age", "1m")
	d.signal(syscall.SIGSTOP)
	d.eventually(1, "healthprobe", "-live", "-max-age", "1s")
	d.signal(syscall.SIGCONT)
	d.eventually(0, "healthprobe", "-live", "-max-age", "1s")

	d.title("Killed")
	d.signal(syscall.SIGKILL)
	if d.failed == nil {
		d.wait()
	}
	d.ask(1, "healthprobe")

	d.title("The state of the previous run is left, and another process has its pid, as after the restart of a container")
	d.inherit(os.Getpid())
	d.ask(1, "healthprobe")

	d.title("The next start clears it; a shutdown ends with reset")
	d.start("worker", "-spool", spool)
	d.eventually(0, "healthprobe")
	d.signal(syscall.SIGTERM)
	if d.failed == nil {
		d.wait()
	}
	d.ask(1, "healthprobe")
	return d.failed
}

// build builds the programs the way releases are, and the worker.
func (d *demo) build() error {
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("run this in the module: %w", err)
	}
	for _, args := range [][]string{{"./build.sh", d.dir}, {"go", "build", "-o", filepath.Join(d.dir, "worker"), "./examples/worker"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = strings.TrimSpace(string(module))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func (d *demo) title(s string) { fmt.Printf("\n# %s\n", s) }

func (d *demo) command(args []string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(d.dir, args[0]), args[1:]...)
	cmd.Env = append(os.Environ(), "LIVENESS_RUNDIR="+d.dir, "LIVENESS_UNIT_NAME=web")
	return cmd
}

// ask runs a command, shows it and its output, and wants this exit status.
func (d *demo) ask(want int, args ...string) {
	if d.failed != nil {
		return
	}
	out, status := d.try(args)
	d.show(out, status, args)
	if status != want {
		d.failed = fmt.Errorf("%s: exit status %d, not %d", strings.Join(args, " "), status, want)
	}
}

// eventually waits for the exit status before it asks.
func (d *demo) eventually(want int, args ...string) {
	for i := 0; i < 500 && d.failed == nil; i++ {
		if _, status := d.try(args); status == want {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.ask(want, args...)
}

func (d *demo) try(args []string) (out string, status int) {
	cmd := d.command(args)
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return err.Error() + "\n", -1
	}
	return string(b), cmd.ProcessState.ExitCode()
}

func (d *demo) show(out string, status int, args []string) {
	line := strings.ReplaceAll(strings.Join(args, " "), d.dir, "$DIR")
	fmt.Printf("$ %s\n%s[exit status %d]\n", line, strings.ReplaceAll(out, d.dir, "$DIR"), status)
}

func (d *demo) start(args ...string) {
	d.worker = d.command(args)
	d.worker.Stderr = os.Stderr
	fmt.Printf("$ %s &\n", strings.ReplaceAll(strings.Join(args, " "), d.dir, "$DIR"))
	if err := d.worker.Start(); err != nil {
		d.worker, d.failed = nil, err
	}
}

func (d *demo) signal(s syscall.Signal) {
	if d.failed != nil {
		return
	}
	names := map[syscall.Signal]string{syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2", syscall.SIGKILL: "KILL", syscall.SIGSTOP: "STOP", syscall.SIGCONT: "CONT", syscall.SIGTERM: "TERM"}
	fmt.Printf("$ kill -%s %%worker\n", names[s])
	d.worker.Process.Signal(s)
}

func (d *demo) wait() {
	d.worker.Wait()
	d.worker = nil
}

// end kills the worker, if there is one.
func (d *demo) end() {
	if d.worker != nil {
		d.worker.Process.Kill()
		d.wait()
	}
}

// inherit changes the state that was left to name a process that runs, with an
// earlier start time.
func (d *demo) inherit(pid int) {
	unit := filepath.Join(d.dir, "web")
	b, err := os.ReadFile(filepath.Join(unit, "identity"))
	fields := strings.Fields(string(b))
	if err != nil || len(fields) != 3 {
		return // no /proc here: nothing was recorded
	}
	fields[0] = fmt.Sprint(pid)
	fields[1] = "1"
	os.WriteFile(filepath.Join(unit, "pid"), []byte(fields[0]+"\n"), 0o644)
	os.WriteFile(filepath.Join(unit, "identity"), []byte(strings.Join(fields, " ")+"\n"), 0o644)
}
