//go:build linux && amd64

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bug is planted into a copy of the source: in file, old is replaced by new.
// finds runs what has to find it.
type bug struct {
	name     string
	file     string // below the module's root
	old, new string // old stands there exactly once
	finds    func(h *harness)
	shows    string // what the violation has to say: others may be there already
	short    bool   // also planted in the short form
}

// TestPlantedBugs is the test of the test: what does not find these bugs proves
// nothing.
func TestPlantedBugs(t *testing.T) {
	tracing(t)
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			if !*long && !b.short {
				if _, err := b.patched(); err != nil {
					t.Error(err)
				}
				t.Skip("-long plants this one as well")
			}
			b.plant(t)
		})
	}
}

func (b *bug) plant(t *testing.T) {
	dir, err := os.MkdirTemp(scratch, "planted-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	overlay, err := b.overlay(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness()
	h.programs = programsIn(filepath.Join(dir, "bin"))
	h.app = built.app // it only is a process that lives; healthctl and healthprobe have the bug
	h.every, h.wanted = true, b.shows
	if err := h.build(overlay); err != nil {
		t.Fatal(err)
	}
	b.finds(h)
	total.add(func(t *tally) {
		t.Planted++
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

// patched gives the file with the bug in it.
func (b *bug) patched() (text string, err error) {
	source, err := os.ReadFile(filepath.Join("../..", b.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), b.old); n != 1 {
		return "", fmt.Errorf("the bug cannot be planted: %s has the text that it replaces %d times; move the bug with the code:\n%s", b.file, n, b.old)
	}
	return strings.Replace(string(source), b.old, b.new, 1), nil
}

// overlay writes what go build -overlay wants.
func (b *bug) overlay(dir string) (path string, err error) {
	text, err := b.patched()
	if err != nil {
		return "", err
	}
	original, err := filepath.Abs(filepath.Join("../..", b.file))
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

// By these a bug is found.

func inScenarios(names ...string) func(*harness) {
	return func(h *harness) { h.try(named(names...)) }
}

func inPair(name string) func(*harness) {
	return func(h *harness) { h.meet(pairsNamed(name)) }
}

func inProbe(names ...string) func(*harness) {
	return func(h *harness) {
		for _, q := range questions() {
			for _, name := range names {
				if q.name == name {
					h.ask([]question{q})
				}
			}
		}
	}
}
