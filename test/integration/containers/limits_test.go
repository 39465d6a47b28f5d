//go:build containers && linux

package containers

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// An exec probe runs within the limits of the container that it checks. These tests lower them and
// compare the direct entry, the runtime entry and a bash script, engine by engine: a part of each engine
// runs there too.

// The tables of docs/performance.md have 20. CI has less time: where an engine fails to start, each try
// takes a second.
var repeats = flag.Int("repeats", 20, "how often to run each check at a limit; an even number")

// TestPidsLimit leaves a container only so many free pids.
func TestPidsLimit(t *testing.T) {
	tools := toolbox(t)
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			c := engine.limited(t, tools, "")
			c.start()
			table := newTable("free pids", "starts that failed")
			started := 0 // where there are too few pids for the Go runtime
			for free := range 6 {
				table += fmt.Sprintf("\n| %d |", free)
				var starts attempts
				for _, check := range checks {
					right, wrong, ok := starts.cell(t, c, free, check.command)
					if ok {
						table += fmt.Sprintf(" %d |", right)
					} else {
						table += " engine did not start |"
						t.Logf("with %d pids free %s did not start the %s in %d attempts, and did in %d", free, engine.name, check.name, maxFailed(), right+wrong)
					}
					if check.name == "direct entry" {
						if wrong > 0 {
							t.Errorf("with %d pids free the direct entry was wrong %d times", free, wrong)
						}
						if free <= 3 {
							started += right
						}
					}
				}
				table += fmt.Sprintf(" %d of %d |", starts.failed, starts.all)
			}
			// On a busy machine runc itself fails nearly each time, also by way of Docker, which says nothing
			// about the check. crun does not.
			if started == 0 && engine.name == "crun" {
				t.Error("with up to 3 pids free, crun never started the direct entry")
			}
			t.Logf("%s: correct verdicts of %d, half of them healthy\n\n%s", measuredOn(t, engine.programs...), *repeats, table)
		})
	}
}

// attempts counts how often an engine had to start a check.
type attempts struct{ all, failed int }

// maxFailed returns how often an engine may fail to start one check. On a slow machine runc fails nearly each
// time, and the test would take hours.
func maxFailed() int { return *repeats }

// cell runs one check repeats times, half of them with a healthy application. It stops when the engine
// has failed too often to start the check: then ok is false, and that is no result of the check.
func (a *attempts) cell(t *testing.T, c *limited, free int, command []string) (right, wrong int, ok bool) {
	t.Helper()
	idle := func() {
		t.Helper()
		for {
			switch number(t, cgroupFile(t, c.group, "pids", "pids.current")) {
			case "0":
				t.Fatal("the application is gone")
			case "1":
				return
			}
			time.Sleep(time.Millisecond) // await would take much longer than the check
		}
	}
	failed := 0
	for _, code := range []string{"0", "3"} {
		limitPids(t, c.group, 0)
		if _, stderr, status := c.exec("/tools/healthctl", "set", code, "no database"); status != 0 {
			t.Fatalf("healthctl set: status %d\n%s", status, stderr)
		}
		idle()
		limitPids(t, c.group, 1+free)
		for range *repeats / 2 {
			started, correct := false, false
			for !started && failed < maxFailed() {
				idle()
				started, correct = attempt(c, command, code == "0")
				if a.all++; !started {
					a.failed++
					failed++
				}
			}
			switch {
			case !started:
				return right, wrong, false
			case correct:
				right++
			default:
				wrong++
			}
		}
	}
	return right, wrong, true
}

// attempt runs a check and reports whether its verdict was correct, or that the engine did not start it.
// runc needs threads of its own before the check starts, and so it too may run out of them. Only runc
// is linked with cgo, which says so.
func attempt(c *limited, command []string, healthy bool) (started, correct bool) {
	stdout, stderr, code := c.exec(command...)
	says := stdout + stderr
	switch {
	case strings.HasPrefix(says, "runtime/cgo: "), code > 125 && strings.Contains(says, "exec failed: "):
		return false, false
	case healthy:
		return true, code == 0 && says == ""
	default:
		return true, code == 1 && strings.HasPrefix(says, "unhealthy: ") && strings.Contains(says, "error 3")
	}
}

// TestMemoryLimit leaves a container only so much free memory. When that is not enough for a check, or
// for what the engine runs in the container before it, the application is OOM-killed: it is the largest
// process there.
func TestMemoryLimit(t *testing.T) {
	tools := toolbox(t)
	rooms := map[string][]int{"docker": {2048, 1536, 1024}, "runc": {2048, 1536, 1024, 512, 256}, "crun": {2048, 1024, 512, 256}}
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			m := newMemory(engine.limited(t, tools, `$x = "x" x (32 << 20)`))
			counts := m.table(t, measuredOn(t, engine.programs...), rooms[engine.name], m.c.exec)
			if engine.name != "crun" {
				return // runc's own process decides
			}
			if m.answers["direct entry"] == 0 {
				t.Error("crun never started the direct entry")
			}
			if counts["direct entry"] > counts["bash script"] {
				t.Errorf("with the direct entry the application was killed %d times, with the script %d times", counts["direct entry"], counts["bash script"])
			}
		})
	}
	// Without an engine: a shell enters the container and then is the check.
	t.Run("alone", func(t *testing.T) {
		m := newMemory(bundleLimited(t, crun, tools, `$x = "x" x (32 << 20)`))
		counts := m.table(t, "no engine, "+measuredOn(t), []int{1024, 512, 256, 192}, func(command ...string) (stdout, stderr string, code int) {
			return m.enter(t, command)
		})
		if m.answers["direct entry"] == 0 || counts["direct entry"] > counts["bash script"] {
			t.Errorf("the application was killed %v times", counts)
		}
	})
}

// A memory test counts how often a check had the application of c killed.
type memory struct {
	c       *limited
	pid     string // of the application, "" while it does not run
	answers map[string]int
}

func newMemory(c *limited) *memory { return &memory{c: c, answers: map[string]int{}} }

// table runs each check with each amount of free memory, in KiB, and returns all kills by check.
func (m *memory) table(t *testing.T, on string, rooms []int, run func(command ...string) (stdout, stderr string, code int)) (kills map[string]int) {
	t.Helper()
	kills = map[string]int{}
	table := newTable("free memory")
	for _, room := range rooms {
		table += fmt.Sprintf("\n| %d KiB |", room)
		for _, check := range checks {
			killed := 0
			for range *repeats {
				if m.pid == "" {
					m.pid = m.c.start()
				}
				limitMemory(t, m.c.group, room<<10)
				if _, _, code := run(check.command...); code == 0 {
					m.answers[check.name]++
				}
				if !sleeping(m.pid) {
					killed++
					m.pid = ""
				}
			}
			kills[check.name] += killed
			table += fmt.Sprintf(" %d |", killed)
		}
	}
	t.Logf("%s: application killed, of %d checks\n\n%s\n\nanswers: %v", on, *repeats, table, m.answers)
	return kills
}

// enter runs a command in the namespaces and the memory cgroup of a container. A shell joins them and
// then executes the command, so that the command's memory is all charged there.
func (m *memory) enter(t *testing.T, command []string) (stdout, stderr string, code int) {
	t.Helper()
	group, err := os.OpenFile(cgroupFile(t, m.c.group, "memory", "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	cmd := exec.Command("nsenter", append([]string{"--target=" + m.pid, "--mount", "--pid",
		"sh", "-c", `echo 0 >&3 && exec "$@" 3>&-`, "sh"}, command...)...)
	cmd.ExtraFiles = []*os.File{group}
	cmd.Env = append(os.Environ(), "LIVENESS_UNIT_NAME=app")
	return try(cmd)
}

// A limited container is one whose limits a test lowers around a healthy application. That is a single
// process with a single thread.
type limited struct {
	group string // its cgroup below cgroupParent
	start func() (pid string)
	exec  func(command ...string) (stdout, stderr string, code int)
}

// engines start the checks in a limited container. Docker has containerd and runc do it.
var engines = []struct {
	name     string
	programs []string
	limited  func(t testing.TB, tools, perl string) *limited
}{
	{"docker", []string{"docker", "runc"}, dockerLimited},
	{"runc", []string{"runc"}, func(t testing.TB, tools, perl string) *limited { return bundleLimited(t, runc, tools, perl) }},
	{"crun", []string{"crun"}, func(t testing.TB, tools, perl string) *limited { return bundleLimited(t, crun, tools, perl) }},
}

// checks are commands for a container that has toolbox mounted.
var checks = []struct {
	name    string
	command []string
}{
	{"direct entry", []string{"/tools/healthprobe"}},
	{"runtime entry", []string{"/tools/runtime"}},
	{"bash script", []string{"/tools/check.bash"}},
}

// toolbox returns a directory with the released programs, healthprobe with the runtime entry, and the
// script.
func toolbox(t *testing.T) (dir string) {
	t.Helper()
	dir = build(t)
	if err := testenv.BuildPackage(filepath.Join(dir, "runtime"), "./cmd/healthprobe", "-ldflags=-w"); err != nil {
		t.Fatal(err)
	}
	if err := sequence([]string{"install", "-m", "755", "../../compat/testdata/check.bash", dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// application is the command of a limited container. It runs perl once before it says that it is ready.
func application(perl string) []string {
	return []string{"/tools/healthctl", "exec", "perl", "-e", perl + `; open(my $ready, ">", "/run/ready"); close($ready); sleep`}
}

func dockerLimited(t testing.TB, tools, perl string) *limited {
	t.Helper()
	requireImages(t)
	command := application(perl)
	id := docker(t, slices.Concat([]string{"create"}, hardened, []string{"--volume=" + tools + ":/tools:ro",
		"--env=LIVENESS_UNIT_NAME=app", "--entrypoint=" + command[0], debianImage}, command[1:])...)
	t.Cleanup(func() { tryDocker("rm", "-fv", id) })
	runs := 0
	return &limited{
		group: id,
		start: func() (pid string) {
			if runs++; runs > 1 {
				docker(t, "wait", id) // the process has ended, but the engine may not know yet
			}
			docker(t, "start", id)
			return awaitReady(t, inspect(t, id, "{{.State.Pid}}"))
		},
		exec: func(command ...string) (stdout, stderr string, code int) {
			return tryDocker(append([]string{"exec", id}, command...)...)
		},
	}
}

func bundleLimited(t testing.TB, runtime ociRuntime, tools, perl string) *limited {
	t.Helper()
	testenv.Require(t, os.Geteuid() == 0, "a container runtime needs root")
	testenv.LookPath(t, "debootstrap", "debootstrap")
	rootfs, err := debianRoot()
	if err != nil {
		t.Fatal(err)
	}
	b := newBundle(t, runtime, bundleConfig{rootfs: rootfs, args: application(perl),
		binds: map[string]string{"/tools": tools}, tmpfs: []string{"/run"}})
	return &limited{
		group: b.group,
		start: func() (pid string) { return awaitReady(t, b.start()) },
		exec:  b.exec,
	}
}

// debianRoot is a root file system with bash and perl, unpacked once.
var debianRoot = sync.OnceValues(func() (dir string, err error) {
	archive, err := minbase()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(workdir, "debian")
	return dir, sequence(
		[]string{"mkdir", "--mode=755", dir, dir + "/tools"},
		[]string{"tar", "-xf", archive, "-C", dir, "--exclude=./dev/*"})
})

func awaitReady(t testing.TB, pid string) string {
	t.Helper()
	await(t, "ready", func() string {
		if _, err := os.Stat(filepath.Join("/proc", pid, "root/run/ready")); err != nil {
			return err.Error()
		}
		return "ready"
	})
	return pid
}

// newTable returns the head of a table with a column for each check, and more.
func newTable(first string, more ...string) string {
	columns := []string{first}
	for _, check := range checks {
		columns = append(columns, check.name)
	}
	columns = append(columns, more...)
	return fmt.Sprintf("| %s |\n|%s", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

// sleeping reports whether a process that does nothing else still sleeps. One that was killed wakes up,
// and frees its memory before it can sleep again.
func sleeping(pid string) bool {
	for {
		stat, _ := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		const state, vsize = 0, 20
		if len(fields) <= vsize || fields[vsize] == "0" {
			return false
		}
		if fields[state] == "S" {
			return true
		}
	}
}
