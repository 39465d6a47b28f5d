//go:build linux

package examples

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestPrefork: in examples/prefork.py each process speaks for itself. A worker
// that ends or hangs costs its own unit its health, and no other.
func TestPrefork(t *testing.T) {
	bin := t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	a := newApp(t, bin, testenv.LookPath(t, "python3", "python3"), example(t, "prefork.py"))
	units := []string{"web", "web-1", "web-2"}
	pid := func(unit string) int {
		n, err := strconv.Atoi(a.read("run/" + unit + "/pid"))
		a.must(err)
		return n
	}

	a.start()
	a.awaits("^$", "-live", "-unit", "web")
	a.says("^unhealthy: web: not ready: loaded, but not set to 0 yet$", "-unit", "web")
	a.write("open", "")
	for _, unit := range units {
		a.awaits("^$", "-unit", unit, "-strict", "-max-age", "2s")
	}
	if pid("web") != a.cmd.Process.Pid || pid("web-1") == pid("web-2") {
		t.Errorf("the units are of %d, %d and %d, the master is %d", pid("web"), pid("web-1"), pid("web-2"), a.cmd.Process.Pid)
	}

	// A request wakes both workers, and one of them finds nothing to accept.
	for range 20 {
		a.answer()
	}
	for _, unit := range units {
		a.backdate("run/" + unit + "/error")
		a.awaits("^$", "-unit", unit, "-max-age", "1h")
	}

	// A worker is killed: the master replaces it, and it loads under the same name.
	first := pid("web-1")
	a.must(syscall.Kill(first, syscall.SIGKILL))
	a.await("another worker", func() bool {
		a.says("^$", "-unit", "web")
		a.says("^$", "-unit", "web-2")
		return a.ask("-unit", "web-1") == "" && pid("web-1") != first
	})

	// A worker hangs: only its own heartbeat stops.
	hung := pid("web-2")
	a.must(syscall.Kill(hung, syscall.SIGSTOP))
	a.awaits("^unhealthy: web-2: no heartbeat for ", "-unit", "web-2", "-live", "-max-age", "2s")
	a.awaits("^$", "-unit", "web-1", "-live", "-max-age", "2s")
	a.awaits("^$", "-unit", "web", "-live", "-max-age", "2s")
	if got := a.answer(); got != fmt.Sprintln(pid("web-1")) {
		t.Errorf("the port answers %q", got)
	}
	a.must(syscall.Kill(hung, syscall.SIGCONT))
	a.awaits("^$", "-unit", "web-2", "-live", "-max-age", "2s")

	// The end: all of them reset. Workers whose master was killed end too.
	a.must(a.cmd.Process.Signal(syscall.SIGTERM))
	if status := a.wait(); status != 0 {
		t.Errorf("after SIGTERM: exit status %d", status)
	}
	for _, unit := range units {
		a.says("^unhealthy: "+unit+": not loaded: no pid in ", "-unit", unit)
	}
	a.start()
	for _, unit := range units {
		a.awaits("^$", "-unit", unit)
	}
	a.must(a.cmd.Process.Kill())
	a.wait()
	for _, unit := range units[1:] {
		a.awaits("^unhealthy: "+unit+": not loaded: no pid in ", "-unit", unit)
	}
	a.says(`^unhealthy: web: pid \d+ is not running in this pid namespace$`, "-unit", "web")
}
