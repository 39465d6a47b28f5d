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

// TestSystemCalls checks that the direct entry makes exactly these system calls,
// in this order and in one thread.
func TestSystemCalls(t *testing.T) {
	const (
		first   = "openat DIR, openat pid, pread64, openat identity, pread64, openat boot_id, pread64, openat stat, pread64, "
		last    = ", exit_group"
		message = ", rt_sigprocmask, write"
	)
	var setup string // the system calls of the stub
	if runtime.GOARCH == "amd64" {
		setup = "arch_prctl, "
	}
	for _, test := range []struct {
		name  string
		flags []string
		spoil func(f *fixture)
		want  string
	}{
		{"healthy", nil, nil, first + "openat error, pread64"},
		{"heartbeat", []string{"-max-age", "1h"}, nil, first + "openat error, pread64, fstat, clock_gettime"},
		{"live", []string{"-live"}, nil, strings.TrimSuffix(first, ", ")},
		{"no identity", nil, func(f *fixture) { f.remove(state.IdentityFile) },
			"openat DIR, openat pid, pread64, openat identity, openat stat, pread64, openat error, pread64"},
		{"unhealthy", nil, (*fixture).fail, first + "openat error, pread64, openat reason, pread64" + message},
		{"not loaded", nil, func(f *fixture) { f.remove("") }, "openat DIR, openat RUNDIR" + message},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "-"), func(t *testing.T) {
			host, err := os.Hostname()
			if err != nil {
				t.Fatal(err)
			}
			f := newFixture(t, host)
			if test.spoil != nil {
				test.spoil(f)
			}
			check := func(before string, env []string, flags ...string) {
				t.Helper()
				got := trace(t, env, append([]string{directEntry(t)}, append(flags, test.flags...)...)...)
				got = strings.ReplaceAll(got, "openat "+host, "openat DIR")
				got = strings.ReplaceAll(got, "openat "+".", "openat RUNDIR")
				if strings.Contains(test.want, "reason") { // this path may close descriptors to open others
					got = strings.ReplaceAll(got, ", close", "")
				}
				if want := "execve, " + setup + before + test.want + last; got != want {
					t.Errorf("system calls:\n got: %s\nwant: %s", got, want)
				}
			}
			check("", nil, f.flags()...)
			check("uname, ", []string{state.RunDirEnv + "=" + f.runDir}) // without a name, the unit is named after the host
		})
	}
}

// TestSystemCallsOfSeveral checks that the direct entry closes what it opens if
// there are several units, and stops at the first that is unhealthy, except with -v.
func TestSystemCallsOfSeveral(t *testing.T) {
	const (
		pid     = "openat pid, pread64, close, openat identity, pread64, close, openat boot_id, pread64, close, openat stat, pread64, close, "
		healthy = "openat web, " + pid + "openat error, pread64, close, close, "
		failed  = "openat web, " + pid + "openat error, pread64, close, openat reason, pread64, close, close, rt_sigprocmask, write, "
		missing = "openat none, openat RUNDIR, close, rt_sigprocmask, write, "
	)
	f := newFixture(t, "web")
	check := func(want string, flags ...string) {
		t.Helper()
		got := trace(t, nil, append([]string{directEntry(t), "-rundir", f.runDir}, flags...)...)
		got = strings.TrimPrefix(strings.ReplaceAll(got, "openat .", "openat RUNDIR"), "execve, ")
		if got = strings.TrimPrefix(got, "arch_prctl, "); got != want+"exit_group" {
			t.Errorf("%q: system calls:\n got: %s\nwant: %sexit_group", flags, got, want)
		}
	}
	check(healthy+healthy+healthy, "-unit", "web", "-unit", "web", "-unit", "web")
	check(healthy+missing, "-unit", "web", "-unit", "none", "-unit", "web")
	f.fail()
	check(failed, "-unit", "web", "-unit", "none")
	verbose := strings.Replace(failed, "openat error, pread64, ", "openat error, pread64, fstat, clock_gettime, ", 1)
	check(missing+verbose, "-v", "-unit", "none", "-unit", "web")
}

// TestSystemCallsOfNoProbe checks that answers about no unit open no file.
func TestSystemCallsOfNoProbe(t *testing.T) {
	for _, flag := range []string{"-h", "-version", "-nonsense"} {
		calls := trace(t, nil, directEntry(t), flag)
		if !strings.HasSuffix(calls, "rt_sigprocmask, write, exit_group") || strings.Contains(calls, "openat") {
			t.Errorf("%s: system calls: %s", flag, calls)
		}
	}
}

// callForm matches a line of strace -f -o: the thread, the system call and the
// first string among its arguments.
var callForm = regexp.MustCompile(`^(\d+) +(\w+)\(([^"]*"([^"]*)")?`)

// trace runs a program and returns its system calls. openat is followed by the
// last element of its path. A second thread is an error.
func trace(t *testing.T, env []string, argv ...string) string {
	t.Helper()
	out := filepath.Join(newDir(t), "trace")
	cmd := exec.Command(testenv.LookPath(t, "strace", "strace"), append([]string{"-f", "-o", out}, argv...)...)
	cmd.Env = append([]string{}, env...)
	cmd.Run() // ignore the error: some probes exit with 1, as they should
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
