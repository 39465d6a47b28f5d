//go:build linux

package entry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
)

// fixture is a run directory with one healthy unit, as the application that
// loaded it would have left it. The test process itself is that application.
type fixture struct {
	t       testing.TB
	runDir  string
	unit    string
	healthy map[string]string // what a healthy unit's files contain, by name
}

// newFixture creates the files of a healthy unit in a new run directory.
func newFixture(t testing.TB, unit string) *fixture {
	t.Helper()
	f := &fixture{t: t, runDir: newDir(t), unit: unit}
	if err := os.Mkdir(f.path(""), 0o755); err != nil {
		t.Fatal(err)
	}
	var r state.Reader
	pid := int32(os.Getpid())
	line, e := r.Stat(pid)
	if e != 0 {
		t.Fatal(e)
	}
	stat, ok := state.ParseStat(line)
	if !ok {
		t.Fatalf("cannot read %q", line)
	}
	boot, e := r.BootID()
	if e != 0 {
		t.Fatal(e)
	}
	var number [state.PidLimit]byte
	var identity [state.IdentityLimit]byte
	f.healthy = map[string]string{
		state.PidFile:      string(state.FormatNumber(&number, pid)),
		state.IdentityFile: string(state.FormatIdentity(&identity, state.Identity{Pid: pid, Start: stat.Start, Boot: boot})),
		state.ErrorFile:    "0\n",
	}
	for name, content := range f.healthy {
		f.write(name, content)
	}
	return f
}

// path returns the path of one of the unit's files, or of its directory for "".
func (f *fixture) path(name string) string { return filepath.Join(f.runDir, f.unit, name) }

func (f *fixture) write(name, content string) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// remove removes a file of the unit, or its directory for "".
func (f *fixture) remove(name string) {
	f.t.Helper()
	if err := os.RemoveAll(f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

// fail records an error. failedLine returns the probe's line about it.
func (f *fixture) fail() {
	f.t.Helper()
	f.write(state.ErrorFile, "3\n")
	f.write(state.ReasonFile, "3 upstream db unreachable\n")
}

func (f *fixture) failedLine() string {
	return "unhealthy: " + f.unit + ": error 3: upstream db unreachable\n"
}

// among returns the probe's arguments that select as many units as there may be:
// healthy ones with the longest of names, and last this one.
func (f *fixture) among() (args []string) {
	f.t.Helper()
	for i := range 15 {
		other := *f
		other.unit = strings.Repeat(string(rune('a'+i)), 255)
		if err := os.MkdirAll(other.path(""), 0o755); err != nil {
			f.t.Fatal(err)
		}
		for name, content := range f.healthy {
			other.write(name, content)
		}
		args = append(args, "-unit", other.unit)
	}
	return append(args, f.flags()...)
}

// flags returns the probe's arguments that select the unit, followed by more.
func (f *fixture) flags(more ...string) []string {
	return append([]string{"-rundir", f.runDir, "-unit", f.unit}, more...)
}
