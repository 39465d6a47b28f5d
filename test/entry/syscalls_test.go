//go:build linux

package entry

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestSystemCalls wants the direct entry to make these system calls in this
// order and not one more, all in one thread.
func TestSystemCalls(t *testing.T) {
	const (
		first   = "openat DIR, openat pid, pread64, openat identity, pread64, openat boot_id, pread64, openat stat, pread64, "
		last    = ", exit_group"
		message = ", rt_sigprocmask, write"
	)
	var setup string // what the stub asks of the kernel
	if runtime.GOARCH == "amd64" {
		setup = "arch_prctl, "
	}
	for _, test := range []struct {
		name  string
		flags []string
		spoil func(p *place)
		want  string
	}{
		{"healthy", nil, nil, first + "openat error, pread64"},
		{"heartbeat", []string{"-max-age", "1h"}, nil, first + "openat error, fstat, clock_gettime, pread64"},
		{"live", []string{"-live"}, nil, strings.TrimSuffix(first, ", ")},
		{"no identity", nil, func(p *place) { p.remove(state.IdentityFile) },
			"openat DIR, openat pid, pread64, openat identity, openat stat, pread64, openat error, pread64"},
		{"unhealthy", nil, (*place).fail, first + "openat error, pread64, openat reason, pread64" + message},
		{"not loaded", nil, func(p *place) { p.remove("") }, "openat DIR, openat RUNDIR" + message},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "-"), func(t *testing.T) {
			host, err := os.Hostname()
			if err != nil {
				t.Fatal(err)
			}
			p := newPlace(t, host)
			if test.spoil != nil {
				test.spoil(p)
			}
			check := func(before string, env []string, flags ...string) {
				t.Helper()
				got := trace(t, env, append([]string{directEntry(t)}, append(flags, test.flags...)...)...)
				got = strings.ReplaceAll(got, "openat "+host, "openat DIR")
				got = strings.ReplaceAll(got, "openat "+filepath.Base(p.runDir), "openat RUNDIR")
				if strings.Contains(test.want, "reason") { // may need descriptors back
					got = strings.ReplaceAll(got, ", close", "")
				}
				if want := "execve, " + setup + before + test.want + last; got != want {
					t.Errorf("system calls:\n got: %s\nwant: %s", got, want)
				}
			}
			check("", nil, p.flags()...)
			check("uname, ", []string{state.RunDirEnv + "=" + p.runDir}) // without a name, it is the host's
		})
	}
}

// TestSystemCallsOfNoProbe is about answers that look at no unit.
func TestSystemCallsOfNoProbe(t *testing.T) {
	for _, flag := range []string{"-h", "-version", "-nonsense"} {
		calls := trace(t, nil, directEntry(t), flag)
		if !strings.HasSuffix(calls, "rt_sigprocmask, write, exit_group") || strings.Contains(calls, "openat") {
			t.Errorf("%s: system calls: %s", flag, calls)
		}
	}
}

// callForm is a line of strace -f -o: the thread, the call, the first text in its arguments.
var callForm = regexp.MustCompile(`^(\d+) +(\w+)\(([^"]*"([^"]*)")?`)

// trace lists the system calls of a program. Opened files are named by the end
// of their path. A second thread is an error.
func trace(t *testing.T, env []string, argv ...string) string {
	t.Helper()
	out := filepath.Join(newDir(t), "trace")
	cmd := exec.Command(testenv.LookPath(t, "strace", "strace"), append([]string{"-f", "-o", out}, argv...)...)
	cmd.Env = append([]string{}, env...)
	cmd.Run() // the status is the probe's; what it wrote is not looked at here
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	thread := ""
	for line := range strings.Lines(string(b)) {
		m := callForm.FindStringSubmatch(line)
		if m == nil { // "+++ exited with 0 +++"
			continue
		}
		if thread == "" {
			thread = m[1]
		}
		if m[1] != thread {
			t.Errorf("a second thread: %s", line)
		}
		call := m[2]
		if call == "openat" {
			call += " " + filepath.Base(m[4])
		}
		calls = append(calls, call)
	}
	return strings.Join(calls, ", ")
}
