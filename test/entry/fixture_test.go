//go:build linux

package entry

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/healthprobe/healthprobe/internal/state"
)

// A place is a run directory with one unit, as the application that loaded it
// would have left it. The tests' own process is the application.
type place struct {
	t       testing.TB
	runDir  string
	unit    string
	healthy map[string]string // the files of a healthy unit
}

func newPlace(t testing.TB, unit string) *place {
	t.Helper()
	p := &place{t: t, runDir: newDir(t), unit: unit}
	if err := os.Mkdir(p.path(""), 0o755); err != nil {
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
	p.healthy = map[string]string{
		state.PidFile:      string(state.AppendNumber(nil, pid)) + "\n",
		state.IdentityFile: string(state.AppendIdentity(nil, state.Identity{Pid: pid, Start: stat.Start, Boot: boot})) + "\n",
		state.ErrorFile:    "0\n",
	}
	for name, content := range p.healthy {
		p.write(name, content)
	}
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.runDir, p.unit, name) }

func (p *place) write(name, content string) {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) remove(name string) {
	p.t.Helper()
	if err := os.RemoveAll(p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

// fail makes the unit unhealthy; failed is the probe's line about it.
func (p *place) fail() {
	p.t.Helper()
	p.write(state.ErrorFile, "3\n")
	p.write(state.ReasonFile, "3 upstream db unreachable\n")
}

func (p *place) failed() string {
	return "unhealthy: " + p.unit + ": error 3: upstream db unreachable\n"
}

func (p *place) flags(more ...string) []string {
	return append([]string{"-rundir", p.runDir, "-unit", p.unit}, more...)
}
