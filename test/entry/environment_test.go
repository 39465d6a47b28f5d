//go:build linux

package entry

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/testenv"
)

// forEachEntry runs a test as one parallel subtest for each entry.
func forEachEntry(t *testing.T, test func(t *testing.T, e entry)) {
	for _, e := range entries(t) {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// TestDescriptors closes the standard descriptors or makes writing to them fail.
// The exit status must be right even if nobody can read the line. A file that
// the probe opens gets the number of a closed descriptor, and the line must not
// be written to it.
func TestDescriptors(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry) {
		healthy, failed := newFixture(t, "web"), newFixture(t, "web")
		failed.fail()
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		defer write.Close()

		detail := func(r result) bool { return strings.HasPrefix(r.out, "healthy: web: pid ") }
		line := func(r result) bool { return r.err == failed.failedLine() }
		silent := func(r result) bool { return r.out == "" && r.err == "" }
		for _, test := range []struct {
			name            string
			how             invocation
			healthy, failed func(result) bool
		}{
			{"as usual", invocation{}, detail, line},
			{"no input", invocation{close: [3]bool{0: true}}, detail, line},
			{"no output", invocation{close: [3]bool{1: true}}, silent, line},
			{"no error", invocation{close: [3]bool{2: true}}, detail, silent},
			{"none", invocation{close: [3]bool{true, true, true}}, silent, silent},
			{"full", invocation{files: [3]*os.File{1: full, 2: full}}, silent, silent},
			{"output unread", invocation{files: [3]*os.File{1: write}}, silent, line},
			{"both unread", invocation{files: [3]*os.File{1: write, 2: write}}, silent, silent},
		} {
			test.how.args = healthy.flags("-v")
			if r := e.run(t, test.how); r.status != 0 || r.signal != 0 || !test.healthy(r) {
				t.Errorf("%s: healthy: got %v", test.name, r)
			}
			test.how.args = failed.flags("-v")
			if r := e.run(t, test.how); r.status != 1 || r.signal != 0 || !test.failed(r) {
				t.Errorf("%s: unhealthy: got %v", test.name, r)
			}
		}
		for name, content := range healthy.healthy {
			if b, err := os.ReadFile(healthy.path(name)); string(b) != content {
				t.Errorf("%s now contains %q (%v)", name, b, err)
			}
		}
	})
}

// TestEnvironment selects the unit by environments that no shell would create.
func TestEnvironment(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry) {
		f := newFixture(t, "web")
		runDir, unit := state.RunDirEnv+"="+f.runDir, state.UnitEnv+"=web"
		var many []string
		for i := range 1000 {
			many = append(many, fmt.Sprintf("VARIABLE_%d=%d", i, i))
		}
		host, err := os.Hostname()
		if err != nil {
			t.Fatal(err)
		}
		missing := func(unit string) result {
			return result{status: 1, err: "unhealthy: " + unit + ": not loaded: no directory " + f.runDir + "/" + unit + "\n"}
		}
		for _, test := range []struct {
			name string
			env  []string
			args []string
			want result

			duplicates bool // a variable occurs twice
		}{
			{name: "two", env: []string{runDir, unit}},
			{name: "none", args: f.flags()},
			{name: "1,000 before", env: append(many[:1000:1000], runDir, unit)},
			{name: "1,000 after", env: append([]string{runDir, unit}, many...)},
			{name: "no equals sign", env: []string{state.UnitEnv, "", state.RunDirEnv, runDir, unit}},
			{name: "no name", env: []string{"=", "=" + unit, "==", runDir, unit}},
			{name: "longer names", env: []string{state.UnitEnv + "S=other", "X" + state.UnitEnv + "=other", runDir, unit}},
			{name: "the first of two", env: []string{runDir, unit, state.UnitEnv + "=other", state.RunDirEnv + "=/nowhere"}, duplicates: true},
			{name: "the first, another", env: []string{runDir, state.UnitEnv + "=other", unit}, want: missing("other"), duplicates: true},
			{name: "the first, empty", env: []string{runDir, state.UnitEnv + "=", unit}, want: missing(host), duplicates: true},
			{name: "empty is unset", env: []string{runDir, state.UnitEnv + "="}, want: missing(host)},
			{name: "a flag counts more", env: []string{runDir, unit}, args: []string{"-unit", "other"}, want: missing("other")},
		} {
			if e.emulated && test.duplicates {
				continue // the emulator reorders the environment and drops duplicates
			}
			if r := e.run(t, invocation{env: test.env, args: test.args}); r != test.want {
				t.Errorf("%s: got %v\nwant %v", test.name, r, test.want)
			}
		}
	})
}

// TestLongTexts checks that the probe refuses texts that are too long, however
// long, with a line that says why. A text that it truncated silently could name
// another unit.
func TestLongTexts(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry) {
		f := newFixture(t, "web")
		const pathMax = 4096 // with the NUL
		// detour returns a path of n bytes that leads to the run directory.
		detour := func(n int) string {
			dir := f.runDir + strings.Repeat("/.", (n-len(f.runDir))/2)
			return dir + strings.Repeat("/", n-len(dir))
		}
		// decoy, with the unit's name appended, is too long. If the probe
		// truncated that path, it would find the healthy unit's own directory.
		decoy := f.path("") + strings.Repeat("/", pathMax-len(f.path("")))
		huge := strings.Repeat("x", 100_000)
		tooLong := ": file name too long\n"
		for _, test := range []struct {
			name string
			how  invocation
			want string // the end of the line; "" if healthy
		}{
			{"longest path", invocation{args: []string{"-rundir", detour(pathMax - len("/web\x00")), "-unit", "web"}}, ""},
			{"path too long", invocation{args: []string{"-rundir", detour(pathMax - len("/web")), "-unit", "web"}}, tooLong},
			{"decoy", invocation{args: []string{"-rundir", decoy, "-unit", "web"}}, tooLong},
			{"huge directory", invocation{args: []string{"-rundir", "/" + huge, "-unit", "web"}}, tooLong},
			{"huge relative directory", invocation{args: []string{"-rundir", huge, "-unit", "web"}}, "...\" must be an absolute path\n"},
			{"huge directory in the environment", invocation{env: []string{state.RunDirEnv + "=/" + huge}, args: []string{"-unit", "web"}}, tooLong},
			{"longest name", invocation{args: []string{"-rundir", f.runDir, "-unit", huge[:255]}}, strings.Repeat("x", 255) + "\n"},
			{"16 of the longest names", invocation{args: f.among()}, ""},
			{"name too long", invocation{args: []string{"-rundir", f.runDir, "-unit", huge[:256]}}, "the unit name must be at most 255 bytes\n"},
			{"huge name in the environment", invocation{env: []string{state.UnitEnv + "=" + huge}}, "the unit name must be at most 255 bytes\n"},
			{"huge age", invocation{args: f.flags("-max-age", strings.Repeat("9", 100_000)+"s")}, ": want a duration such as 60s or 1m30s, above 0 and below 292 years\n"},
			{"age beyond int64", invocation{args: f.flags("-max-age=10000000000000000000ns")}, ": want a duration such as 60s or 1m30s, above 0 and below 292 years\n"},
			{"huge flag", invocation{args: f.flags("-" + huge)}, "-max-age, -strict, -v, -version and -h\n"},
			{"huge argument", invocation{args: f.flags(huge)}, "there are only flags; healthprobe -h lists them\n"},
			{"empty argument", invocation{args: []string{""}}, "there are only flags; healthprobe -h lists them\n"},
			{"100 empty arguments", invocation{args: make([]string, 100)}, "there are only flags; healthprobe -h lists them\n"},
		} {
			want := result{status: 1}
			r := e.run(t, test.how)
			if test.want == "" {
				want.status = 0
			} else if strings.Count(r.err, "\n") == 1 && strings.HasSuffix(r.err, test.want) && len(r.err) <= 1000 {
				want.err = r.err
			}
			if r != want {
				t.Errorf("%s: got %v\nwant it to end with %q", test.name, r, test.want)
			}
		}
	})
}

// TestNoArguments calls execve with an empty argument list, without even the
// program's name. Kernels since 5.18 make that one empty argument, older ones
// leave it empty.
func TestNoArguments(t *testing.T) {
	for _, e := range entries(t) {
		if e.emulated {
			continue // the emulator itself needs an argument
		}
		r, err := invocation{env: []string{reexecEnv + "=without arguments"}}.run([]string{testBinary(t), e.argv[0]})
		if err != nil {
			t.Fatal(err)
		}
		// Without arguments and environment it is the unit named after the host, in /run.
		if r.status != 1 || !strings.HasPrefix(r.err, "unhealthy: ") || !strings.Contains(r.err, state.DefaultRunDir) {
			t.Errorf("%s: got %v", e.name, r)
		}
	}
}

// TestCannotStart forbids the system call that sets up thread-local storage, without
// which the direct entry cannot run any Go code on amd64 and 386. The stub itself has
// to say so then, on one line that docs/messages.md explains, and exit with 1 whether
// or not anybody reads it.
func TestCannotStart(t *testing.T) {
	testenv.Require(t, runtime.GOARCH == "amd64", "only amd64 and 386 need thread-local storage")
	docs, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	read, unread, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer unread.Close()
	f := newFixture(t, "web")
	needs := map[string]string{"amd64": "arch_prctl", "386": "set_thread_area"}
	for _, e := range directEntries(t) {
		if needs[e.arch.Name] == "" || e.emulated { // the emulator itself needs it
			continue
		}
		line := "unhealthy: healthprobe cannot start: seccomp forbids " + needs[e.arch.Name] + ": allow it in the container's seccomp profile\n"
		if !strings.Contains(string(docs), line) {
			t.Errorf("docs/messages.md has no line %q", line)
		}
		if len(line) > 1000 {
			t.Errorf("%d bytes are too long for a line", len(line))
		}
		for _, test := range []struct {
			name string
			how  invocation
			want result
		}{
			{"as usual", invocation{}, result{status: 1, err: line}},
			{"with -v", invocation{args: []string{"-v"}}, result{status: 1, err: line}},
			{"no error", invocation{close: [3]bool{2: true}}, result{status: 1}},
			{"error unread", invocation{files: [3]*os.File{2: unread}}, result{status: 1}},
		} {
			test.how.env = []string{reexecEnv + "=without thread-local storage"}
			argv := append([]string{testBinary(t), e.argv[0]}, f.flags(test.how.args...)...)
			got, err := test.how.run(argv)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("%s: %s: got %v, want %v", e.name, test.name, got, test.want)
			}
		}
	}
}

// TestYear2100 checks the heartbeat where seconds have long left 32 bits behind: the
// clock says so as strace makes it, and the file's time is real. And it checks that
// a 32-bit program still has a heartbeat where the new system calls that it takes
// are unknown to the kernel or to a seccomp filter.
func TestYear2100(t *testing.T) {
	strace := testenv.LookPath(t, "strace", "strace")
	for _, e := range directEntries(t) {
		if e.emulated {
			continue
		}
		file, clock, _ := strings.Cut(times(e.arch.Name), ", ")
		now := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		var timespec [16]byte // seconds and nanoseconds
		binary.NativeEndian.PutUint64(timespec[:], uint64(now.Unix()))
		set := clock + ":poke_exit=@arg2=" + hex.EncodeToString(timespec[:])
		tests := []struct {
			name   string
			age    time.Duration // of error, at now
			now    time.Time
			inject []string
			want   string // the end of the line; "" if healthy
		}{
			{"fresh", 5 * time.Second, now, []string{set}, ""},
			{"old", time.Hour, now, []string{set}, "no heartbeat for 3600s (limit 60s)\n"},
			{"in the future", -time.Hour, now, []string{set}, "is dated 3600s in the future (limit 60s): was the clock set back?\n"},
		}
		for _, code := range []string{"ENOSYS", "EPERM"} {
			unknown := []string{file + ":error=" + code, clock + ":error=" + code}
			tests = append(tests, tests[0])
			last := &tests[len(tests)-1]
			last.name, last.now, last.inject = "unknown calls: "+code, time.Now(), unknown
			if file != "statx" { // these are the old ones: no other can take their place
				last.want = "cannot read"
				noClock := *last
				noClock.name, noClock.inject = "no clock: "+code, unknown[1:]
				tests = append(tests, noClock)
			}
		}
		for _, test := range tests {
			f := newFixture(t, "web")
			set := test.now.Add(-test.age)
			if err := os.Chtimes(f.path(state.ErrorFile), set, set); err != nil {
				t.Fatal(err)
			}
			argv := []string{"-qq", "-o", os.DevNull}
			for _, inject := range test.inject {
				argv = append(argv, "-e", "inject="+inject)
			}
			cmd := exec.Command(strace, append(append(argv, e.argv...), f.flags("-max-age", "60s")...)...)
			out, err := cmd.CombinedOutput()
			if healthy := err == nil && len(out) == 0; healthy != (test.want == "") || !strings.Contains(string(out), test.want) {
				t.Errorf("%s: %s: %v: %q, want %q", e.name, test.name, err, out, test.want)
			}
		}
	}
}
