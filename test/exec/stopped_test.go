//go:build linux

package exec

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
)

// TestStoppedWithoutTerminal: where no shell looks on, run watches a COMMAND that has been
// stopped, and passes SIGCONT on.
func TestStoppedWithoutTerminal(t *testing.T) {
	dir := newDir(t)
	cmd := exec.Command(healthctl(t, "release"), "run", "sh", "-c", "kill -TSTP $$; exit 5")
	cmd.Env = environment(dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	state := func(pid int) string {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, rest, _ := strings.Cut(string(text), ") ")
		return rest[:min(1, len(rest))]
	}
	command := 0
	for start := time.Now(); state(command) != "T"; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatal("COMMAND has not stopped")
		}
		text, _ := os.ReadFile(filepath.Join(dir, "run", "web", "pid"))
		command, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	time.Sleep(200 * time.Millisecond) // as long as run takes to notice
	if got := state(cmd.Process.Pid); got == "T" {
		t.Error("run has stopped too")
		syscall.Kill(cmd.Process.Pid, syscall.SIGCONT)
	}
	cmd.Process.Signal(syscall.SIGCONT)
	if err := <-ended; cmd.ProcessState.ExitCode() != 5 {
		t.Error(err)
	}
}
