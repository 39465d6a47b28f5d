//go:build linux

package entry

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
)

// forEachEntry runs a test through each entry, beside each other.
func forEachEntry(t *testing.T, test func(t *testing.T, e entry)) {
	for _, e := range entries(t) {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// TestDescriptors closes or spoils the standard descriptors: the verdict is in
// the exit status, whoever can read the line. Files that are opened get the
// numbers of closed ones, and must not get the line.
func TestDescriptors(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry) {
		healthy, failed := newPlace(t, "web"), newPlace(t, "web")
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
		line := func(r result) bool { return r.err == failed.failed() }
		silent := func(r result) bool { return r.out == "" && r.err == "" }
		for _, test := range []struct {
			name            string
			start           start
			healthy, failed func(result) bool
		}{
			{"as usual", start{}, detail, line},
			{"no input", start{close: [3]bool{0: true}}, detail, line},
			{"no output", start{close: [3]bool{1: true}}, silent, line},
			{"no error", start{close: [3]bool{2: true}}, detail, silent},
			{"none", start{close: [3]bool{true, true, true}}, silent, silent},
			{"full", start{files: [3]*os.File{1: full, 2: full}}, silent, silent},
			{"output unread", start{files: [3]*os.File{1: write}}, silent, line},
			{"both unread", start{files: [3]*os.File{1: write, 2: write}}, silent, silent},
		} {
			test.start.args = healthy.flags("-v")
			if r := e.start(t, test.start); r.status != 0 || r.signal != 0 || !test.healthy(r) {
				t.Errorf("%s: healthy: got %v", test.name, r)
			}
			test.start.args = failed.flags("-v")
			if r := e.start(t, test.start); r.status != 1 || r.signal != 0 || !test.failed(r) {
				t.Errorf("%s: unhealthy: got %v", test.name, r)
			}
		}
		for name, content := range healthy.healthy {
			if b, err := os.ReadFile(healthy.path(name)); string(b) != content {
				t.Errorf("%s holds %q now (%v)", name, b, err)
			}
		}
	})
}

// TestEnvironment gives the unit by environments as no shell would make them.
func TestEnvironment(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry) {
		p := newPlace(t, "web")
		runDir, unit := state.RunDirEnv+"="+p.runDir, state.UnitEnv+"=web"
		var many []string
		for i := range 1000 {
			many = append(many, fmt.Sprintf("VARIABLE_%d=%d", i, i))
		}
		host, err := os.Hostname()
		if err != nil {
			t.Fatal(err)
		}
		missing := func(unit string) result {
			return result{status: 1, err: "unhealthy: " + unit + ": not loaded: no directory " + p.runDir + "/" + unit + "\n"}
		}
		for _, test := range []struct {
			name string
			env  []string
			args []string
			want result

			twice bool // a variable comes twice
		}{
			{name: "two", env: []string{runDir, unit}},
			{name: "none", args: p.flags()},
			{name: "1,000 before", env: append(many[:1000:1000], runDir, unit)},
			{name: "1,000 after", env: append([]string{runDir, unit}, many...)},
			{name: "no equals sign", env: []string{state.UnitEnv, "", state.RunDirEnv, runDir, unit}},
			{name: "no name", env: []string{"=", "=" + unit, "==", runDir, unit}},
			{name: "longer names", env: []string{state.UnitEnv + "S=other", "X" + state.UnitEnv + "=other", runDir, unit}},
			{name: "the first of two", env: []string{runDir, unit, state.UnitEnv + "=other", state.RunDirEnv + "=/nowhere"}, twice: true},
			{name: "the first, another", env: []string{runDir, state.UnitEnv + "=other", unit}, want: missing("other"), twice: true},
			{name: "the first, empty", env: []string{runDir, state.UnitEnv + "=", unit}, want: missing(host), twice: true},
			{name: "empty is unset", env: []string{runDir, state.UnitEnv + "="}, want: missing(host)},
			{name: "a flag counts more", env: []string{runDir, unit}, args: []string{"-unit", "other"}, want: missing("other")},
		} {
			if e.name == "arm64" && test.twice {
				continue // the emulator sorts the environment its own way and drops duplicates
			}
			if r := e.start(t, start{env: test.env, args: test.args}); r != test.want {
				t.Errorf("%s: got %v\nwant %v", test.name, r, test.want)
			}
		}
	})
}

// TestLongTexts wants texts of any length refused by a line that says why. What
// is cut off silently could make another unit of the name.
func TestLongTexts(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry) {
		p := newPlace(t, "web")
		const pathMax = 4096 // with the NUL
		// A run directory of so many bytes: it is the directory of p, by a detour.
		detour := func(n int) string {
			dir := p.runDir + strings.Repeat("/.", (n-len(p.runDir))/2)
			return dir + strings.Repeat("/", n-len(dir))
		}
		// The directory of the healthy unit itself, so that it is what remains
		// when what follows is cut off.
		decoy := p.path("") + strings.Repeat("/", pathMax-len(p.path("")))
		huge := strings.Repeat("x", 100_000)
		tooLong := ": file name too long\n"
		for _, test := range []struct {
			name string
			s    start
			want string // the end of the line, "" for healthy
		}{
			{"longest path", start{args: []string{"-rundir", detour(pathMax - len("/web\x00")), "-unit", "web"}}, ""},
			{"path too long", start{args: []string{"-rundir", detour(pathMax - len("/web")), "-unit", "web"}}, tooLong},
			{"decoy", start{args: []string{"-rundir", decoy, "-unit", "web"}}, tooLong},
			{"huge directory", start{args: []string{"-rundir", huge, "-unit", "web"}}, tooLong},
			{"huge directory in the environment", start{env: []string{state.RunDirEnv + "=/" + huge}, args: []string{"-unit", "web"}}, tooLong},
			{"longest name", start{args: []string{"-rundir", p.runDir, "-unit", huge[:255]}}, strings.Repeat("x", 255) + "\n"},
			{"name too long", start{args: []string{"-rundir", p.runDir, "-unit", huge[:256]}}, "the unit name is longer than 255 bytes\n"},
			{"huge name in the environment", start{env: []string{state.UnitEnv + "=" + huge}}, "the unit name is longer than 255 bytes\n"},
			{"huge age", start{args: p.flags("-max-age", strings.Repeat("9", 100_000)+"s")}, ": want a duration above 0, such as 60s or 1m30s\n"},
			{"age beyond int64", start{args: p.flags("-max-age=10000000000000000000ns")}, ": want a duration above 0, such as 60s or 1m30s\n"},
			{"huge flag", start{args: p.flags("-" + huge)}, "-max-age, -strict, -v, -version and -h\n"},
			{"huge argument", start{args: p.flags(huge)}, "there are only flags; healthprobe -h lists them\n"},
			{"empty argument", start{args: []string{""}}, "there are only flags; healthprobe -h lists them\n"},
			{"100 empty arguments", start{args: make([]string, 100)}, "there are only flags; healthprobe -h lists them\n"},
		} {
			want := result{status: 1}
			r := e.start(t, test.s)
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

// TestNoArguments calls execve with an empty list, without even a name. The
// kernel makes it one empty text; kernels before 5.18 left it empty.
func TestNoArguments(t *testing.T) {
	for _, e := range entries(t)[:2] { // the emulator wants to be told what to run
		r, err := start{env: []string{becomeEnv + "=without arguments"}}.run([]string{testBinary(t), e.argv[0]})
		if err != nil {
			t.Fatal(err)
		}
		// Nothing says where the unit is, so it is the host's, in /run.
		if r.status != 1 || !strings.HasPrefix(r.err, "unhealthy: ") || !strings.Contains(r.err, state.DefaultRunDir) {
			t.Errorf("%s: got %v", e.name, r)
		}
	}
}
