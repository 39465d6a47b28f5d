//go:build containers && linux

package containers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

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
