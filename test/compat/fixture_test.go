//go:build linux

package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// The checkers, by the names that they have on a fixture's PATH.
const (
	original  = "original.bash"
	idealised = "check.bash"
	probe     = "healthprobe"
)

var all = []string{original, idealised, probe}

// A fixture is a unit's directory, and the environment in which programs write
// and check it.
type fixture struct {
	t      *testing.T
	rundir string
	dir    string // rundir/web
	env    []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	testenv.LookPath(t, "bash", "bash")
	testenv.LookPath(t, "python3", "python3-minimal")
	scripts, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, rundir: t.TempDir(), env: os.Environ()}
	f.env = append(f.env, "LIVENESS_RUNDIR="+f.rundir, "CIC_RUNDIR="+f.rundir, "LC_ALL=C",
		"PYTHONPATH="+scripts, "PYTHONDONTWRITEBYTECODE=1",
		"PATH="+programs+":"+scripts+":"+os.Getenv("PATH"))
	f.use("web")
	return f
}

// use names the unit.
func (f *fixture) use(unit string) {
	f.dir = filepath.Join(f.rundir, unit)
	f.env = append(f.env, "LIVENESS_UNIT_NAME="+unit, "CIC_UNIT="+unit)
}

// check runs one checker and returns what it prints and whether it exits with 0.
func (f *fixture) check(argv ...string) (says string, healthy bool) {
	f.t.Helper()
	cmd := exec.Command("env", argv...) // env looks the program up in the fixture's PATH
	cmd.Env = f.env
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code > 1 {
		f.t.Fatalf("%v: %v\n%s", argv, err, out)
	}
	return strings.TrimSpace(string(out)), err == nil
}

// expect runs all checkers. Those in healthy must call the unit healthy, and the
// others must not. It returns what each one prints.
func (f *fixture) expect(when string, healthy ...string) (says map[string]string) {
	f.t.Helper()
	says = map[string]string{}
	for _, checker := range all {
		text, ok := f.check(checker)
		if ok != slices.Contains(healthy, checker) {
			f.t.Errorf("%s: %s: healthy is %v: %s", when, checker, ok, text)
		}
		says[checker] = text
	}
	return says
}

// expectStrict checks that healthprobe calls the unit healthy, but not with
// -strict, for lack of an identity.
func (f *fixture) expectStrict(when string) {
	f.t.Helper()
	says, healthy := f.check(probe, "-strict")
	if healthy || !strings.Contains(says, "identity not recorded") {
		f.t.Errorf("%s: healthprobe -strict: healthy is %v: %s", when, healthy, says)
	}
}

func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

func (f *fixture) write(name, content string) {
	f.t.Helper()
	f.must(os.WriteFile(f.path(name), []byte(content), 0o644))
}

func (f *fixture) read(name string) string {
	f.t.Helper()
	content, err := os.ReadFile(f.path(name))
	f.must(err)
	return string(content)
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}
