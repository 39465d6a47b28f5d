//go:build linux && amd64

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutant is a bug in a copy of the source: in file, new replaces old. foundBy runs
// the tests that must find it.
type mutant struct {
	name      string
	file      string // relative to the module's root
	old, new  string // old occurs exactly once in file
	foundBy   func(h *harness)
	violation string // text of the violation that proves it; others do not count
	short     bool   // the short form tries it too
}

// TestMutants tests the tests: if they do not find these bugs, they prove nothing.
func TestMutants(t *testing.T) {
	requirePtrace(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			if !*long && !m.short {
				if _, err := m.patched(); err != nil {
					t.Error(err)
				}
				t.Skip("only -long tries this mutant")
			}
			m.run(t)
		})
	}
}

func (m *mutant) run(t *testing.T) {
	dir, err := os.MkdirTemp(scratch, "mutant-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	overlay, err := m.overlay(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t)
	h.programs = programsIn(filepath.Join(dir, "bin"))
	h.app = built.app // not under test here; healthctl and healthprobe contain the bug
	h.every, h.wanted = true, m.violation
	if err := h.build(overlay); err != nil {
		t.Fatal(err)
	}
	m.foundBy(h)
	total.add(func(t *tally) {
		t.Mutants++
		t.Points += h.points
		if len(h.violations) > 0 {
			t.Caught++
		}
	})
	if len(h.violations) == 0 {
		t.Fatalf("not found at %d points", h.points)
	}
	t.Logf("found after %d points: %s", h.points, h.violations[0])
}

// patched returns the content of the file with the bug in it.
func (m *mutant) patched() (text string, err error) {
	source, err := os.ReadFile(filepath.Join("../..", m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("the mutant does not apply: %s contains the text to replace %d times, want 1. Update the mutant along with the code:\n%s", m.file, n, m.old)
	}
	return strings.Replace(string(source), m.old, m.new, 1), nil
}

// overlay writes a file for go build -overlay and returns its path.
func (m *mutant) overlay(dir string) (path string, err error) {
	text, err := m.patched()
	if err != nil {
		return "", err
	}
	original, err := filepath.Abs(filepath.Join("../..", m.file))
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, "patched.go")
	if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: copied}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o644)
}

// Values for foundBy.

func inScenarios(names ...string) func(*harness) {
	return func(h *harness) { h.runScenarios(scenariosNamed(names...)) }
}

func inRace(name string) func(*harness) {
	return func(h *harness) { h.runRaces(raceNamed(name)) }
}

func inProbe(names ...string) func(*harness) {
	return func(h *harness) {
		var cases []probeCase
		for _, c := range probeCases() {
			if slices.Contains(names, c.name) {
				cases = append(cases, c)
			}
		}
		if len(cases) == 0 {
			panic(fmt.Sprintf("no probe case is named %q", names))
		}
		h.runProbeCases(cases)
	}
}
