//go:build containers && linux

package containers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// An exec probe runs within the limits of the container that it checks. These tests lower them around
// a healthy application and compare the direct entry, the runtime entry and a bash script.

const repeats = 20

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
	if err := sequence([]string{"install", "-m", "755", "../compat/testdata/check.bash", dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startApplication starts a single process with a single thread, which runs perl first.
func startApplication(t *testing.T, perl string) (id string) {
	t.Helper()
	id = start(t, slices.Concat(hardened, []string{"--volume=" + toolbox(t) + ":/tools:ro",
		"--env=LIVENESS_UNIT_NAME=web", "--entrypoint=/tools/healthctl", debianImage, "exec",
		"perl", "-e", perl + `; open(my $ready, ">", "/run/ready"); close($ready); sleep`})...)
	return id
}

func awaitReady(t *testing.T, id string) (pid string) {
	t.Helper()
	pid = inspect(t, id, "{{.State.Pid}}")
	await(t, "ready", func() string {
		if _, err := os.Stat(filepath.Join("/proc", pid, "root/run/ready")); err != nil {
			return err.Error()
		}
		return "ready"
	})
	return pid
}

// correct runs one check and reports whether its verdict was correct. runc needs threads of its own
// before the check starts, and on a busy machine it too runs out of them (only runc is linked with
// cgo). That is no result of the check, which then runs again.
func correct(t *testing.T, id string, command []string, healthy bool) bool {
	t.Helper()
	for range 100 {
		stdout, stderr, code := tryDocker(append([]string{"exec", id}, command...)...)
		says := stdout + stderr
		switch {
		case code == 126 && strings.HasPrefix(says, "OCI runtime exec failed"), strings.HasPrefix(says, "runtime/cgo: "):
			continue
		case healthy:
			return code == 0 && says == ""
		default:
			return code == 1 && strings.HasPrefix(says, "unhealthy: ") && strings.Contains(says, "error 3")
		}
	}
	t.Fatalf("the engine does not start %q", command)
	return false
}

func TestPidsLimit(t *testing.T) {
	requireImages(t)
	id := startApplication(t, "")
	awaitReady(t, id)
	current := cgroupFile(t, id, "pids", "pids.current")
	table := newTable("free pids")
	for free := range 6 {
		table += fmt.Sprintf("\n| %d |", free)
		for _, check := range checks {
			right := 0
			for _, code := range []string{"0", "3"} {
				docker(t, "update", "--pids-limit=-1", id)
				docker(t, "exec", id, "/tools/healthctl", "set", code, "no database")
				await(t, "1", func() string { return number(t, current) })
				docker(t, "update", fmt.Sprintf("--pids-limit=%d", 1+free), id)
				for range repeats {
					await(t, "1", func() string { return number(t, current) })
					if correct(t, id, check.command, code == "0") {
						right++
					}
				}
			}
			table += fmt.Sprintf(" %d |", right)
			if check.name == "direct entry" && right != 2*repeats {
				t.Errorf("with %d pids free the direct entry was right %d times of %d", free, right, 2*repeats)
			}
		}
	}
	t.Logf("correct verdicts of %d, half of them healthy\n\n%s", 2*repeats, table)
}

// TestMemoryLimit leaves a container only so much free memory. When that is not enough for a check,
// the application is OOM-killed: it is the largest process of the container. docker exec needs some of
// the memory too, before the check starts, so the check also runs without docker exec: by a shell that
// enters the container itself.
func TestMemoryLimit(t *testing.T) {
	requireImages(t)
	id := startApplication(t, `$x = "x" x (32 << 20)`)
	dockerExec := func(_ string, command []string) { tryDocker(append([]string{"exec", id}, command...)...) }
	for _, way := range []struct {
		name  string
		enter func(pid string, command []string)
		rooms []int
	}{
		{"docker exec", dockerExec, []int{3072, 2048, 1024}},
		{"alone", func(pid string, command []string) { enter(t, id, pid, command) }, []int{1024, 512, 256, 192}},
	} {
		kills := func(room int, command []string) (killed int) {
			for range repeats {
				docker(t, "start", id)
				pid := awaitReady(t, id)
				limitMemory(t, id, room)
				way.enter(pid, command)
				if !sleeping(pid) {
					killed++
					docker(t, "wait", id)
				}
			}
			return killed
		}
		table := newTable("free memory")
		for _, room := range way.rooms {
			counts := map[string]int{}
			table += fmt.Sprintf("\n| %d KiB |", room)
			for _, check := range checks {
				counts[check.name] = kills(room<<10, check.command)
				table += fmt.Sprintf(" %d |", counts[check.name])
			}
			if counts["direct entry"] > 0 && counts["bash script"] == 0 {
				t.Errorf("%s with %d KiB free: the probe killed the application %d times, the script never", way.name, room, counts["direct entry"])
			}
		}
		t.Logf("%s: application killed, of %d checks\n\n%s", way.name, repeats, table)
	}
}

// enter runs a command in the namespaces and the memory cgroup of a container. A shell joins them and
// then executes the command, so that the command's memory is all charged there.
func enter(t *testing.T, id, pid string, command []string) {
	t.Helper()
	group, err := os.OpenFile(cgroupFile(t, id, "memory", "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	cmd := exec.Command("nsenter", append([]string{"--target=" + pid, "--mount", "--pid",
		"sh", "-c", `echo 0 >&3 && exec "$@" 3>&-`, "sh"}, command...)...)
	cmd.ExtraFiles = []*os.File{group}
	cmd.Env = append(os.Environ(), "LIVENESS_UNIT_NAME=web")
	try(cmd)
}

// newTable returns the head of a table with a column for each check.
func newTable(first string) string {
	head := "| " + first + " |"
	for _, check := range checks {
		head += " " + check.name + " |"
	}
	return head + "\n|" + strings.Repeat("---|", len(checks)+1)
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
