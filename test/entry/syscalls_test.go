//go:build linux

package entry

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/testenv"
)

// setup are the system calls of the stub, which only two architectures need.
var setup = map[string]string{"amd64": "arch_prctl, ", "386": "set_thread_area, "}

// times are the system calls of the heartbeat, by GOARCH; see internal/sys.
func times(goarch string) string {
	switch goarch {
	case "386", "arm":
		return "statx, clock_gettime64"
	case "loong64":
		return "statx, clock_gettime"
	}
	return "fstat, clock_gettime"
}

// TestSystemCalls checks that the direct entry makes exactly these system calls,
// in this order and in one thread.
func TestSystemCalls(t *testing.T) {
	const (
		first   = "openat DIR, openat pid, pread64, openat identity, pread64, openat boot_id, pread64, openat stat, pread64, "
		last    = ", exit_group"
		message = ", rt_sigprocmask, write"
	)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		flags []string
		spoil func(f *fixture)
		want  string
	}{
		{"healthy", nil, nil, first + "openat error, pread64"},
		{"heartbeat", []string{"-max-age", "1h"}, nil, first + "openat error, pread64, TIMES"},
		{"live", []string{"-live"}, nil, strings.TrimSuffix(first, ", ")},
		{"no identity", nil, func(f *fixture) { f.remove(state.IdentityFile) },
			"openat DIR, openat pid, pread64, openat identity, openat stat, pread64, openat error, pread64"},
		{"unhealthy", nil, (*fixture).fail, first + "openat error, pread64, openat reason, pread64" + message},
		{"not loaded", nil, func(f *fixture) { f.remove("") }, "openat DIR, openat RUNDIR" + message},
	} {
		for _, e := range directEntries(t) {
			t.Run(strings.ReplaceAll(test.name, " ", "-")+"/"+e.name, func(t *testing.T) {
				f := newFixture(t, host)
				if test.spoil != nil {
					test.spoil(f)
				}
				check := func(before string, env []string, flags ...string) {
					t.Helper()
					got := e.trace(t, env, append(flags, test.flags...)...)
					got = strings.ReplaceAll(got, "openat "+host, "openat DIR")
					if strings.Contains(test.want, "reason") { // this path may close descriptors to open others
						got = strings.ReplaceAll(got, ", close", "")
					}
					want := setup[e.arch.Name] + before + strings.ReplaceAll(test.want, "TIMES", times(e.arch.Name)) + last
					if got != want {
						t.Errorf("system calls:\n got: %s\nwant: %s", got, want)
					}
				}
				check("", nil, f.flags()...)
				check("uname, ", []string{state.RunDirEnv + "=" + f.runDir}) // without a name, the unit is named after the host
			})
		}
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
	for _, e := range directEntries(t) {
		f := newFixture(t, "web")
		check := func(want string, flags ...string) {
			t.Helper()
			got := e.trace(t, nil, append([]string{"-rundir", f.runDir}, flags...)...)
			if want = setup[e.arch.Name] + want + "exit_group"; got != want {
				t.Errorf("%s: %q: system calls:\n got: %s\nwant: %s", e.name, flags, got, want)
			}
		}
		check(healthy+healthy+healthy, "-unit", "web", "-unit", "web", "-unit", "web")
		check(healthy+missing, "-unit", "web", "-unit", "none", "-unit", "web")
		f.fail()
		check(failed, "-unit", "web", "-unit", "none")
		verbose := strings.Replace(failed, "openat error, pread64, ", "openat error, pread64, "+times(e.arch.Name)+", ", 1)
		check(missing+verbose, "-v", "-unit", "none", "-unit", "web")
	}
}

// TestSystemCallsOfNoProbe checks that answers about no unit open no file.
func TestSystemCallsOfNoProbe(t *testing.T) {
	for _, e := range directEntries(t) {
		for _, flag := range []string{"-h", "-version", "-nonsense"} {
			if got, want := e.trace(t, nil, flag), setup[e.arch.Name]+"rt_sigprocmask, write, exit_group"; got != want {
				t.Errorf("%s: %s: system calls:\n got: %s\nwant: %s", e.name, flag, got, want)
			}
		}
	}
}

// callForm matches a line of strace -f -o, or of qemu-user's own -strace: the
// thread, the system call and the first string among its arguments.
var callForm = regexp.MustCompile(`^(\d+) +(\w+)\(([^"]*"([^"]*)")?`)

// trace runs an entry and returns its system calls after execve. openat is followed
// by the last element of its path. A second thread is an error.
func (e entry) trace(t *testing.T, env []string, flags ...string) string {
	t.Helper()
	out := filepath.Join(newDir(t), "trace")
	argv := []string{testenv.LookPath(t, "strace", "strace"), "-f", "-o", out, e.argv[0]}
	if e.emulated {
		argv = slices.Insert(slices.Clone(e.argv), 1, "-strace", "-D", out)
	}
	cmd := exec.Command(argv[0], append(argv[1:], flags...)...)
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
		if m == nil || m[2] == "execve" { // no call: "+++ exited with 0 +++"
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
			if call == "openat ." {
				call = "openat RUNDIR"
			}
		}
		calls = append(calls, call)
	}
	return strings.Join(calls, ", ")
}
