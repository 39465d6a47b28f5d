//go:build linux

package entry

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestExhaustion checks what the direct entry exists for: in a process that has
// no resources left, it returns the right status and its usual line in every run,
// for one unit and for as many as there may be. The names are those of reexec. An
// emulator itself needs more than is left, so other architectures than this machine's
// are tested in test/integration/machine.
func TestExhaustion(t *testing.T) {
	for _, how := range []string{
		"no processes",
		"4 MiB of address space",
		"9 descriptors",
		"64 KB of stack",
		"no clone, no mmap",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			checkAnswers(t, []string{testBinary(t)}, invocation{env: []string{reexecEnv + "=" + how}})
		})
	}
}

// checkAnswers runs the direct entries by way of the command limit, if there is one:
// they must be right in 200 of 200 runs, or of 3 in the slow machines of test/integration/machine.
// The runtime entry may fail, so its count is only logged.
func checkAnswers(t *testing.T, limit []string, how invocation) {
	t.Helper()
	times, few := 200, 5
	if os.Getenv(testenv.PrebuiltEnv) != "" {
		times, few = 3, 1
	}
	countRight := func(e entry, times int, flags func(*fixture) []string) (right int, wrong result) {
		e.argv = append(slices.Clip(limit), e.argv...)
		healthy, failed := newFixture(t, "web"), newFixture(t, "web")
		failed.fail()
		healthyFlags, failedFlags := flags(healthy), flags(failed)
		for range times {
			how.args = healthyFlags
			ok := e.run(t, how)
			how.args = failedFlags
			bad := e.run(t, how)
			switch {
			case ok != result{}:
				wrong = ok
			case bad != result{status: 1, err: failed.failedLine()}:
				wrong = bad
			default:
				right++
			}
		}
		return right, wrong
	}
	directEntry(t) // or there is nothing to check
	one, most := func(f *fixture) []string { return f.flags() }, (*fixture).among
	for _, e := range directEntries(t) {
		if e.emulated {
			continue
		}
		if n, wrong := countRight(e, times, one); n != times {
			t.Errorf("%s: right in %d of %d runs; one of the others: %v", e.name, n, times, wrong)
		}
		if n, wrong := countRight(e, times, most); n != times {
			t.Errorf("%s: with 16 units right in %d of %d runs; one of the others: %v", e.name, n, times, wrong)
		}
	}
	how.killAfter = hang
	n, wrong := countRight(entry{argv: []string{plain().program(t, "healthprobe")}}, few, one)
	t.Logf("the runtime entry was right in %d of %d runs", n, few)
	if n < few {
		t.Logf("one of the others: %.100v", wrong)
	}
}

// hang is how long to wait for the runtime entry. On riscv64 Go's runtime does not
// notice that it cannot start a thread, and waits for that thread.
const hang = 3 * time.Second

// testBinary returns the path of this test binary, which can reexec.
func testBinary(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
