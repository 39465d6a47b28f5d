//go:build machine

package machine

import (
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// hung is how long no machine should run. It measures nothing.
const hung = 15 * time.Minute

// end is what testdata/init writes when it has run all commands, and none failed.
const end = "machine: end"

// boot runs the machine until it turns itself off, and returns what it wrote to
// its console.
func (m machine) boot(t *testing.T, kernel, archive string) (console string) {
	t.Helper()
	testenv.LookPath(t, m.qemu[0], m.pkg)
	ctx, cancel := context.WithTimeout(t.Context(), hung)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.qemu[0], append(m.qemu[1:], "-smp", "2", "-m", "1G",
		"-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
		"-no-reboot", // so that a panic ends qemu
		"-kernel", kernel, "-initrd", archive,
		// Only what ends the machine is worth a line between those of the tests.
		"-append", "console="+m.console+" loglevel=2 panic=-1")...)
	out, err := cmd.CombinedOutput()
	console = strings.ReplaceAll(string(out), "\r", "")
	if err != nil {
		t.Fatalf("%v: %v %v\n%s", cmd, err, ctx.Err(), console)
	}
	return console
}

// result is the result of a test that ran in the machine.
type result struct{ test, action, output string }

type allResults []result

func (all allResults) has(test string) bool {
	for _, r := range all {
		if r.test == test {
			return true
		}
	}
	return false
}

// results returns the results of all tests of which the console tells.
func results(t *testing.T, console string) (all allResults) {
	t.Helper()
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = strings.NewReader(console)
	events, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	output := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(events))); decoder.More(); {
		var event struct{ Action, Test, Output string }
		if err := decoder.Decode(&event); err != nil {
			t.Fatal(err)
		}
		switch event.Action {
		case "output":
			output[event.Test] += event.Output
		case "pass", "fail", "skip":
			if event.Test != "" {
				all = append(all, result{event.Test, event.Action, output[event.Test]})
			}
		}
	}
	return all
}
