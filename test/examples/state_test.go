//go:build linux

package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestStateProgram: the program in docs/state.md that writes the files itself gets
// on with healthctl.
func TestStateProgram(t *testing.T) {
	bin := t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/state.md")
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile("(?ms)^```python\n(.*?)^```$").FindSubmatch(page)
	if program == nil {
		t.Fatal("docs/state.md has no program")
	}
	a := newApp(t, bin, testenv.LookPath(t, "python3", "python3"), "-c", string(program[1]))
	healthctl := func(args ...string) string {
		cmd := exec.Command(filepath.Join(bin, "healthctl"), args...)
		cmd.Env = a.env
		out, _ := cmd.CombinedOutput() // it says itself what is wrong
		return string(out)
	}

	// It waits for the lock, and then does what load does to a previous state.
	self := strconv.Itoa(os.Getpid())
	if out := healthctl("load", "-pid", self) + healthctl("set", "0") + healthctl("set", "3", "an old reason"); out != "" {
		t.Fatal(out)
	}
	lock, err := os.OpenFile(a.path("run/web/.lock"), os.O_RDWR, 0)
	a.must(err)
	a.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	a.start()
	waits := regexp.MustCompile(fmt.Sprintf(`-> FLOCK +ADVISORY +WRITE %d `, a.cmd.Process.Pid))
	a.await("a wait for the lock", func() bool {
		locks, err := os.ReadFile("/proc/locks")
		a.must(err)
		return waits.Match(locks)
	})
	a.says("^unhealthy: web: error 3: an old reason$")
	a.must(lock.Close())
	a.awaits("^$", "-strict")
	a.says(fmt.Sprintf("^healthy: web: pid %d, identity verified, ", a.cmd.Process.Pid), "-v")
	if reason := a.read("run/web/reason"); reason != "" {
		t.Errorf("the reason of the previous run is left: %q", reason)
	}

	// healthctl takes it for the owner, and a heartbeat leaves the code alone.
	if out := healthctl("load", "-pid", self); !strings.Contains(out, " owns the unit and is alive: ") {
		t.Errorf("a load by another process: %q", out)
	}
	if out := healthctl("set", "-pid", strconv.Itoa(a.cmd.Process.Pid), "3", "upstream db unreachable"); out != "" {
		t.Error(out)
	}
	a.backdate("run/web/error")
	a.awaits("^$", "-live", "-max-age", "1h")
	a.says("^unhealthy: web: error 3: upstream db unreachable$")
}
