package model

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestSteps runs the model by itself, once for each run in steps.txt, and holds
// its steps against those. That the programs make the same ones is a test of
// test/faults, which has the tracer.
func TestSteps(t *testing.T) {
	requireSpin(t)
	runs, _, err := Runs()
	if err != nil || len(runs) == 0 {
		t.Fatal(len(runs), err)
	}
	for _, run := range runs {
		t.Run(run.Name, func(t *testing.T) {
			if got := run.simulate(t, "."); !slices.Equal(got, run.Steps) {
				t.Errorf("the model makes these steps:\n\t%s\nsteps.txt has\n\t%s", strings.Join(got, ", "), strings.Join(run.Steps, ", "))
			}
		})
	}
}

// TestStepsOfAnotherModel changes the order of two steps in the model, which
// breaks no promise. TestSteps has to notice. (The same change of the programs is
// among the mutants of test/faults.)
func TestStepsOfAnotherModel(t *testing.T) {
	requireSpin(t)
	dir := t.TempDir()
	swap := strings.NewReplacer(
		"atomic { turn(); unlink_pid() }", "atomic { turn(); unlink_identity_and_temp() }",
		"atomic { turn(); unlink_identity_and_temp() }", "atomic { turn(); unlink_pid() }")
	changed := 0
	for file, text := range readModel(t) {
		if swapped := swap.Replace(text); swapped != text {
			text = swapped
			changed++
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runs, _, err := Runs()
	if err != nil || changed != 1 {
		t.Fatalf("%v; %d files have changed, want 1", err, changed)
	}
	for _, run := range runs {
		clears := slices.Contains(run.Steps, "unlink pid")
		if got := run.simulate(t, dir); slices.Equal(got, run.Steps) == clears {
			t.Errorf("%s: %q", run.Name, got)
		}
	}
}

// simulate returns the steps that the model in dir makes.
func (r *Run) simulate(t *testing.T, dir string) (steps []string) {
	t.Helper()
	calls, failing, then := []string{}, "0", "skip"
	for _, word := range slices.Concat(r.script, r.shown) {
		switch {
		case strings.HasPrefix(word, "AT_"):
			failing = word
		case word == "PROCESS_ENDS", word == "PID_REUSED":
			then = word
		case word != "probe":
			calls = append(calls, word)
		}
	}
	options := []string{"-T", "-DFAILING=" + failing, "-DTHEN=" + then, fmt.Sprint("-DCALLS=", len(calls))}
	for i, name := range []string{"ONE", "TWO", "THREE"} {
		options = append(options, "-D"+name+"="+slices.Concat(calls, []string{"skip", "skip", "skip"})[i])
	}
	protocol, err := filepath.Abs(filepath.Join(dir, "protocol.pml"))
	if err != nil {
		t.Fatal(err)
	}
	spin := exec.Command("spin", append(options, protocol)...)
	spin.Dir = t.TempDir() // it writes files
	out, err := spin.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	begun := 0
	for line := range strings.Lines(string(out)) {
		actor, step, found := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case strings.HasPrefix(step, "calls "):
			begun++
		case !found || !strings.HasPrefix(actor, "writer ") && actor != "probe":
		case actor == "probe" && r.shown[0] == "probe", actor != "probe" && begun > len(calls)-r.shownCalls():
			steps = append(steps, step)
		}
	}
	return steps
}

// shownCalls returns how many of the last calls the steps are of.
func (r *Run) shownCalls() (n int) {
	for _, word := range r.shown {
		if word != "probe" && !strings.HasPrefix(word, "AT_") {
			n++
		}
	}
	return n
}

// requireSpin also reads the model: spin does so in another process, where go test
// does not see it and would say "ok (cached)".
func requireSpin(t *testing.T) {
	t.Helper()
	for _, program := range []string{"spin", "gcc"} {
		_, err := exec.LookPath(program)
		testenv.Require(t, err == nil, "%s is not installed: %v", program, err)
	}
	readModel(t)
}

// readModel returns the texts of the model's files by name.
func readModel(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	files, err := filepath.Glob("*.pml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(b)
	}
	return texts
}
