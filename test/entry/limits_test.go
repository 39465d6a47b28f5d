//go:build linux

package entry

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestExhaustion checks what the direct entry exists for: in a process that has
// no resources left, it returns the right status and its usual line in every run,
// for one unit and for as many as there may be. The names are those of reexec. An
// emulator itself needs more than is left, so other architectures than this machine's
// are tested in test/integration/machine.
func TestExhaustion(t *testing.T) {
	for _, how := range []string{
		"no processes",
		"4 MiB of address space",
		"9 descriptors",
		"64 KB of stack",
		"no clone, no mmap",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			checkAnswers(t, []string{testBinary(t)}, invocation{env: []string{reexecEnv + "=" + how}})
		})
	}
}

// checkAnswers runs the direct entries by way of the command limit, if there is one:
// they must be right in every run. With CI=true these are 25, and 3 in the slow machines
// of test/integration/machine. The runtime entry may fail, so its count is only logged.
func checkAnswers(t *testing.T, limit []string, how invocation) {
	t.Helper()
	times, few := 20, 5
	switch {
	case os.Getenv(testenv.PrebuiltEnv) != "":
		times, few = 3, 1
	case testenv.CI() && !testing.Short():
		times = 25
	}
	countRight := func(e entry, times int, flags func(*fixture) []string) (right int, wrong result) {
		e.argv = append(slices.Clip(limit), e.argv...)
		healthy, failed := newFixture(t, "web"), newFixture(t, "web")
		failed.fail()
		healthyFlags, failedFlags := flags(healthy), flags(failed)
		for range times {
			how.args = healthyFlags
			ok := e.run(t, how)
			how.args = failedFlags
			bad := e.run(t, how)
			switch {
			case ok != result{}:
				wrong = ok
			case bad != result{status: 1, err: failed.failedLine()}:
				wrong = bad
			default:
				right++
			}
		}
		return right, wrong
	}
	directEntry(t) // or there is nothing to check
	one, most := func(f *fixture) []string { return f.flags() }, (*fixture).among
	for _, e := range directEntries(t) {
		if e.emulated {
			continue
		}
		if n, wrong := countRight(e, times, one); n != times {
			t.Errorf("%s: right in %d of %d runs; one of the others: %v", e.name, n, times, wrong)
		}
		if n, wrong := countRight(e, times, most); n != times {
			t.Errorf("%s: with 16 units right in %d of %d runs; one of the others: %v", e.name, n, times, wrong)
		}
	}
	how.killAfter = hang
	n, wrong := countRight(entry{argv: []string{plain().program(t, "healthprobe")}}, few, one)
	t.Logf("the runtime entry was right in %d of %d runs", n, few)
	if n < few {
		t.Logf("one of the others: %.100v", wrong)
	}
}

// hang is how long to wait for the runtime entry. On riscv64 Go's runtime does not
// notice that it cannot start a thread, and waits for that thread.
const hang = 3 * time.Second

// testBinary returns the path of this test binary, which can reexec.
func testBinary(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The limits of a container are those of its cgroup. These tests are about the
// probe in a cgroup of v2, without an engine; test/integration/containers has the engines.

// TestPidsMax runs the probe in a cgroup that may have no more processes. One that
// is moved there may exceed the limit. One that is started there may not.
func TestPidsMax(t *testing.T) {
	t.Run("moved", func(t *testing.T) {
		g := newGroup(t)
		g.set("pids.max", "0")
		checkAnswers(t, []string{testBinary(t)}, invocation{env: []string{reexecEnv + "=" + movedTo + g.dir.Name()}})
		g.checkEvent("pids.events", "max")
		if _, err := (invocation{group: g}).run([]string{directEntry(t)}); !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("starting a process there: got %v, want %v", err, syscall.EAGAIN)
		}
	})
	t.Run("started", func(t *testing.T) {
		g := newGroup(t)
		g.set("pids.max", "1")
		checkAnswers(t, nil, invocation{group: g})
		g.checkEvent("pids.events", "max")
	})
}

// TestMemoryMax runs the probe in the cgroup of an application that has nearly all
// of the memory. Where that is not enough for the probe, the application is
// OOM-killed, which is the largest process there.
func TestMemoryMax(t *testing.T) {
	const times = 10
	// What the probe needs are whole pages: no more than 12 of 4 KiB, or of 64 KiB,
	// which the kernel of ppc64le has, now and then one more than 4.
	room := max(256<<10, 16*os.Getpagesize())
	g := newGroup(t)
	f := newFixture(t, "web")
	count := func(e entry) (right, killed int) {
		app := g.startApplication()
		for range times {
			current, err := strconv.Atoi(g.read("memory.current"))
			if err != nil {
				t.Fatal(err)
			}
			g.set("memory.max", strconv.Itoa(current+room))
			if e.run(t, invocation{args: f.flags(), group: g, killAfter: hang}) == (result{}) {
				right++
			}
			g.set("memory.max", "max")
			if ended(t, app) {
				killed++
				app.Wait()
				app = g.startApplication()
			}
		}
		app.Kill()
		app.Wait()
		return right, killed
	}
	if right, killed := count(entry{argv: []string{directEntry(t)}}); right != times || killed > 0 {
		t.Errorf("the direct entry was right in %d of %d runs, and the application was killed in %d", right, times, killed)
	}
	right, killed := count(entry{argv: []string{plain().program(t, "healthprobe")}})
	t.Logf("the runtime entry was right in %d of %d runs, and the application was killed in %d", right, times, killed)
	g.checkEvent("memory.events", "max")
}

// group is a cgroup.
type group struct {
	t   testing.TB
	dir *os.File
}

// newGroup creates a cgroup. It skips the test where it cannot, also with CI=true:
// in the machines that test/integration/machine boots, a skipped test is a failure.
func newGroup(t testing.TB) *group {
	t.Helper()
	const root = "/sys/fs/cgroup"
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.subtree_control"))
	if err != nil || !strings.Contains(string(controllers), "memory") || !strings.Contains(string(controllers), "pids") {
		t.Skip("no cgroup v2 that limits memory and pids")
	}
	path, err := os.MkdirTemp(root, "healthprobe-")
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A process that has been waited for may leave its cgroup a moment later.
		for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
			if err = os.Remove(path); err == nil {
				return
			}
		}
		t.Error(err)
	})
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return &group{t, dir}
}

// attr makes os.StartProcess start a process in the cgroup, if there is one.
func (g *group) attr() *syscall.SysProcAttr {
	if g == nil {
		return nil
	}
	return &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.dir.Fd())}
}

func (g *group) set(file, value string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir.Name(), file), []byte(value), 0); err != nil {
		g.t.Fatal(err)
	}
}

func (g *group) read(file string) string {
	g.t.Helper()
	content, err := os.ReadFile(filepath.Join(g.dir.Name(), file))
	if err != nil {
		g.t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// checkEvent checks that the kernel has enforced a limit. A test in which even the
// runtime entry does not reach the limit shows nothing.
func (g *group) checkEvent(file, event string) {
	g.t.Helper()
	if all := g.read(file); !regexp.MustCompile(`(?m)^` + event + ` [1-9]`).MatchString(all) {
		g.t.Errorf("the limit was never reached: %s: %q", file, all)
	}
}

// startApplication starts an application in the cgroup.
func (g *group) startApplication() *os.Process {
	g.t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		g.t.Fatal(err)
	}
	defer read.Close()
	app, err := os.StartProcess(testBinary(g.t), []string{"application"}, &os.ProcAttr{
		Env: []string{reexecEnv + "=application"}, Files: []*os.File{nil, write, os.Stderr}, Sys: g.attr(),
	})
	write.Close()
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		g.t.Fatalf("the application did not start: %v", err)
	}
	return app
}

// application is what such a process runs. It has 32 MiB, and needs no more later.
func application() {
	debug.SetGCPercent(-1)
	held := make([]byte, 32<<20)
	for i := 0; i < len(held); i += os.Getpagesize() {
		held[i] = 1
	}
	fmt.Println("ready")
	time.Sleep(time.Hour)
	runtime.KeepAlive(held)
}

// ended reports whether a child that has not been waited for has ended.
func ended(t testing.TB, child *os.Process) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(stat), ") Z ")
}
