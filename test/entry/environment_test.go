//go:build linux

package entry

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
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
