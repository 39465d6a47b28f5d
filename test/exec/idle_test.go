//go:build linux

package exec

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestIdle: while COMMAND says nothing, healthctl run makes no system calls that a battery
// or a dense node would notice: at most ten a minute, over all its threads.
func TestIdle(t *testing.T) {
	const seconds, most = 6, 1
	strace := testenv.LookPath(t, "strace", "strace")
	dir := newDir(t)
	cmd := exec.Command(healthctl(t, "release"), "run", "-ready", "notify", "sleep", "600")
	cmd.Env = environment(dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	time.Sleep(2 * time.Second) // it has started COMMAND, and the Go runtime has gone to sleep

	log := filepath.Join(dir, "calls")
	out, err := exec.Command("timeout", "-s", "INT", strconv.Itoa(seconds), strace, "-f", "-o", log, "-p", strconv.Itoa(cmd.Process.Pid)).CombinedOutput()
	text, problem := os.ReadFile(log)
	if problem != nil {
		t.Fatalf("%v: %v\n%s", problem, err, out)
	}
	waiting := regexp.MustCompile(`(?m) (<unfinished|<detached) ?`).FindAllIndex(text, -1)
	if len(waiting) < 3 {
		t.Errorf("strace sees only %d threads wait: %s\n%s", len(waiting), out, text)
	}
	if ended := regexp.MustCompile(`(?m)\) += `).FindAllIndex(text, -1); len(ended) > most {
		t.Errorf("%d system calls in %d seconds:\n%s", len(ended), seconds, text)
	}
}
