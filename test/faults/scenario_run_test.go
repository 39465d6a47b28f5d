//go:build linux && amd64

package faults

import (
	"syscall"
	"testing"
)

// scenario is a command, the state that it finds, and the verdict before and
// after it. What the probe may report in between follows from these two.
type scenario struct {
	name       string
	arrange    func(f *fixture) command
	before     verdict
	after      verdict
	onFailure  verdict // the verdict after the command has reported failure; "": before or after
	code       string  // that the command records; "": none
	mustFail   bool    // the command must fail even without a fault
	self       bool    // the command runs in the recorded process, which ends with it
	blocksLoad bool    // the next load fails too, because something is in its way
	similar    bool    // to another scenario: the short form tries fewer points
}

// sampleFactor returns how many times fewer points the short form tries.
func (s *scenario) sampleFactor() int {
	if s.similar {
		return 4
	}
	return 1
}

// command is a scenario's command, ready to run.
type command struct {
	argv      []string
	nextOwner *process               // the process for the next load; nil: a new one
	cred      *syscall.Credential    // the user who runs it; nil: root
	pid       int                    // the pid that it must get; 0: any
	onStart   func(pid int)          // called with the command's pid before it runs
	countFrom func(path string) bool // as for tracer; nil: isOwnWork
}

func scenarios() (all []scenario) {
	for _, list := range [][]scenario{loads(), sets(), resets(), applications()} {
		all = append(all, list...)
	}
	return all
}

// TestScenarios stops each command at its file-system calls and injects each
// fault there.
func TestScenarios(t *testing.T) {
	requirePtrace(t)
	h := newHarness(t)
	h.runScenarios(scenarios())
	h.report(t)
}

// runScenarios freezes each command at its calls, which also tells which calls it
// makes, and then injects the faults.
func (h *harness) runScenarios(list []scenario) {
	calls := make([][]call, len(list))
	var freezes, points []func()
	for i := range list {
		freezes = append(freezes, func() { calls[i] = list[i].freeze(h) })
	}
	h.run(freezes)
	for i := range list {
		for j := range faults {
			points = append(points, list[i].points(h, &faults[j], calls[i])...)
		}
	}
	h.run(points)
}

// scenariosNamed returns some of the scenarios, for the mutants.
func scenariosNamed(names ...string) (list []scenario) {
	for _, name := range names {
		found := false
		for _, s := range scenarios() {
			if s.name == name {
				list = append(list, s)
				found = true
			}
		}
		if !found {
			panic("no scenario " + name)
		}
	}
	return list
}
