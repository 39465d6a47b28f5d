//go:build linux

package exec

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// starts are the ways of starting a program: what stands before the command. Those that
// are rare are tried less often. pkg is Debian's, of the first word.
var starts = []struct {
	name, command, pkg string
	rare               bool
	noChild            bool // what it gives, no child inherits
}{
	{"sh", `sh -c 'umask 027; ulimit -c 0; ulimit -n 100; exec "$@"' sh`, "dash", false, false},
	{"systemd", `env --ignore-signal=PIPE`, "coreutils", false, false},
	{"chrt", `chrt -f 10`, "util-linux", false, false},
	{"chrt reset", `chrt -R -f 10`, "util-linux", false, true}, // its threads do not inherit the policy
	{"setpriv", `setpriv --pdeathsig TERM --no-new-privs --inh-caps -chown --bounding-set -mknod`, "util-linux", false, false},
	{"nice", `nice -n 5`, "coreutils", false, false},
	{"ionice", `ionice -c 2 -n 7`, "util-linux", false, false},
	{"taskset", `taskset 1`, "util-linux", false, false},
	{"terminal", `sh -c 'exec script -qec "exec $*" /dev/null' sh`, "bsdutils", false, false},

	{"nothing", ``, "", true, false},
	{"child of sh", `sh -c '"$@"; exit $?' sh`, "dash", true, false},
	{"nohup", `nohup`, "coreutils", true, false},
	{"all ignored", `env --ignore-signal`, "coreutils", true, false},
	{"all blocked", `env --block-signal`, "coreutils", true, false},
	{"some of each", `env --ignore-signal=TERM,QUIT,CHLD,URG,USR1,RTMIN,64 --block-signal=HUP,INT,CHLD,SEGV,USR1,WINCH,RTMAX`, "coreutils", true, false},
	{"pending", `env --block-signal=USR2,WINCH,40 sh -c 'kill -USR2 $$; kill -WINCH $$; kill -40 $$; exec "$@"' sh`, "coreutils", true, false},
	{"no input", `sh -c 'exec "$@" <&-' sh`, "dash", true, false},
	{"no output", `sh -c 'exec "$@" <&- >&- 2>&-' sh`, "dash", true, false},
	{"more descriptors", `sh -c 'exec "$@" 3</dev/null 7>>log' sh`, "dash", true, false},
	{"chrt batch", `chrt -b 0`, "util-linux", true, false},
	{"another user", `setpriv --reuid 65532 --regid 65532 --groups 1,2,3 --pdeathsig USR1`, "util-linux", true, false},
	{"choom", `choom -n 500 --`, "util-linux", true, false},
	{"setarch", `setarch --addr-no-randomize`, "util-linux", true, false},
	{"prlimit", `prlimit --nofile=50:100 --core=1:2 --nproc=900:1000`, "util-linux", true, false},
	{"setsid", `setsid -w`, "util-linux", true, false},
	{"alarm", `perl -e 'alarm 1000; exec @ARGV'`, "perl", true, true},
}

// hasStart reports whether build.sh gives healthctl its start symbol here: only then
// healthctl knows the signals and descriptors that the Go runtime has changed.
var hasStart = slices.Contains([]string{"amd64", "arm64"}, runtime.GOARCH)

// TestInvisible compares what a program sees of itself with and without healthctl
// exec.
func TestInvisible(t *testing.T) { testInvisible(t, "exec", nil) }

// TestRun compares it with and without healthctl run, which is its parent.
func TestRun(t *testing.T) { testInvisible(t, "run", parentChanges) }

// testInvisible compares it for a command of healthctl, whose own changes are known.
func testInvisible(t *testing.T, command string, known *regexp.Regexp) {
	for build := range builds {
		t.Run(build, func(t *testing.T) {
			for _, start := range starts {
				if start.noChild && known != nil {
					continue
				}
				t.Run(start.name, func(t *testing.T) {
					t.Parallel()
					argv := words(start.command)
					if len(argv) > 0 {
						testenv.LookPath(t, argv[0], start.pkg)
					}
					runs := 200
					if start.rare || build == "plain" || command != "exec" || os.Getenv("CI") != "true" {
						runs = 10
					}
					if testing.Short() {
						runs = 2
					}
					differences := compare(t, argv, healthctl(t, build), command, runs)
					for _, difference := range slices.Sorted(maps.Keys(differences)) {
						switch {
						case known != nil && known.MatchString(difference):
						case (build != "release" || !hasStart) && runtimeChanges.MatchString(difference):
						default:
							t.Errorf("%d of %d runs: %s", differences[difference], runs, difference)
						}
					}
				})
			}
		})
	}
}

// compare starts a program without healthctl and then with it, with and without a check
// in turn, and returns in how many runs it has seen each difference.
func compare(t *testing.T, start []string, healthctl, command string, runs int) map[string]int {
	t.Helper()
	dir, program := newDir(t), []string{observe(t), "report"}
	want, err := run(t, dir, slices.Concat(start, program))
	testenv.Require(t, err == nil, "cannot start a program this way: %v", err)
	wrappers := [][]string{
		{healthctl, command},
		{healthctl, command, "-check", "true", "-timeout", "1h", "--"},
	}
	differences := map[string]int{}
	for i := range runs {
		got, err := run(t, dir, slices.Concat(start, wrappers[i%2], program))
		if err != nil {
			t.Fatal(err)
		}
		for _, difference := range got.diff(want) {
			differences[difference]++
		}
	}
	return differences
}

// runtimeChanges are the differences of a healthctl without the start symbol.
var runtimeChanges = regexp.MustCompile(`^(status: \w+: +"Sig(Ign|Blk):|stat: \w+: +"(blocked|sigignore) |fd: \w+: +"[012] )`)

// parentChanges are the differences of healthctl run: it is the parent, in whose place it
// gets a process group of its own, and its parent-death signal. So it does not lead a
// session, and has not used a privilege (a bit of flags) to change its attributes.
var parentChanges = regexp.MustCompile(`^(calls: \w+: +"parent-death signal |stat: \w+: +"(pgrp|session|tpgid|flags) |status: \w+: +"NS(pgid|sid):)`)

// environment is one that only execve(2) could pass on: a shell and most other
// programs drop some of its entries.
func environment(dir string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "LIVENESS_RUNDIR=" + filepath.Join(dir, "run"), "LIVENESS_UNIT_NAME=web", "SHELL=/bin/sh",
		"TWICE=1", "", "TWICE=2", "=unnamed", "novalue", "TWICE", "", "EMPTY=",
	}
}

// run starts a command that ends with observe, and returns the report.
func run(t *testing.T, dir string, argv []string) (report, error) {
	t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// Package os/exec would correct the environment.
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	process, err := os.StartProcess(path, argv, &os.ProcAttr{Dir: dir, Env: environment(dir), Files: []*os.File{null, log, log}})
	if err != nil {
		return nil, err
	}
	state, err := process.Wait()
	if err != nil {
		return nil, err
	}
	printed, err := os.ReadFile(filepath.Join(dir, "report"))
	if err != nil || !state.Success() {
		said, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, fmt.Errorf("%v: %v, %w\n%s", argv, state, err, said)
	}
	return parseReport(t, string(printed)), os.Remove(filepath.Join(dir, "report"))
}
