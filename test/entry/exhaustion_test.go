//go:build linux

package entry

import (
	"os"
	"slices"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// uid is a user without processes. RLIMIT_NPROC counts all processes of a user,
// and does not apply to root.
const uid = "61234"

// TestExhaustion checks what the direct entry exists for: in a process that has
// no resources left, it returns the right status and its usual line in 200 of 200
// runs, for one unit and for as many as there may be. The runtime entry may fail
// there, so its count is only logged. An emulator itself needs more than is left, so
// other architectures than this machine's are tested in test/machine.
func TestExhaustion(t *testing.T) {
	const times = 200
	for _, row := range []struct {
		name string
		argv func(t *testing.T) []string // the command that limits the probe and then executes it
		env  []string
	}{
		{name: "no processes", argv: func(t *testing.T) []string {
			limit := []string{testenv.LookPath(t, "prlimit", "util-linux"), "--nproc=1:1"}
			if os.Geteuid() != 0 {
				return limit
			}
			return append([]string{testenv.LookPath(t, "setpriv", "util-linux"), "--reuid=" + uid, "--regid=" + uid, "--clear-groups"}, limit...)
		}},
		{name: "4 MiB of address space", argv: func(t *testing.T) []string {
			return []string{testenv.LookPath(t, "prlimit", "util-linux"), "--as=4194304"}
		}},
		{name: "9 descriptors", argv: func(t *testing.T) []string {
			return []string{testenv.LookPath(t, "prlimit", "util-linux"), "--nofile=9"}
		}},
		{name: "64 KB of stack", argv: func(t *testing.T) []string {
			return []string{testenv.LookPath(t, "prlimit", "util-linux"), "--stack=65536"}
		}},
		{name: "no clone, no mmap", argv: func(t *testing.T) []string { return []string{testBinary(t)} },
			env: []string{reexecEnv + "=without memory and threads"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			limit := row.argv(t)
			countRight := func(e entry, times int, flags func(*fixture) []string) (right int, wrong result) {
				e.argv = append(slices.Clip(limit), e.argv...)
				healthy, failed := newFixture(t, "web"), newFixture(t, "web")
				failed.fail()
				healthyFlags, failedFlags := flags(healthy), flags(failed)
				for range times {
					ok := e.run(t, invocation{args: healthyFlags, env: row.env})
					bad := e.run(t, invocation{args: failedFlags, env: row.env})
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
			const few = 5
			n, _ := countRight(entry{argv: []string{plain().program(t, "healthprobe")}}, few, one)
			t.Logf("the runtime entry was right in %d of %d runs", n, few)
		})
	}
}

// testBinary returns the path of this test binary, which can reexec.
func testBinary(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
