//go:build linux

package entry

import (
	"os"
	"runtime"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// uid is a user without a process. The limit on processes counts all that a
// user has, and does not hold for root.
const uid = "61234"

// TestExhaustion is why the direct entry exists: it answers, right and with its
// usual line, 200 times of 200, where a container has nothing left.
func TestExhaustion(t *testing.T) {
	const times = 200
	for _, row := range []struct {
		name string
		argv func(t *testing.T) []string // before the probe's path
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
			env: []string{becomeEnv + "=without memory and threads"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			testenv.Require(t, runtime.GOARCH == "amd64", "emulation itself needs more than is left")
			before := row.argv(t)
			right := func(e entry, times int) (right int, wrong result) {
				healthy, failed := newPlace(t, "web"), newPlace(t, "web")
				failed.fail()
				for range times {
					ok := e.start(t, start{args: healthy.flags(), env: row.env})
					bad := e.start(t, start{args: failed.flags(), env: row.env})
					switch {
					case ok != result{}:
						wrong = ok
					case bad != result{status: 1, err: failed.failed()}:
						wrong = bad
					default:
						right++
					}
				}
				return right, wrong
			}
			if n, wrong := right(entry{"direct", append(before, directEntry(t))}, times); n != times {
				t.Errorf("the direct entry was right %d times of %d; wrong: %v", n, times, wrong)
			}
			const few = 5
			n, _ := right(entry{"runtime", append(before, plain().program(t, "healthprobe"))}, few)
			t.Logf("the runtime entry was right %d times of %d", n, few)
		})
	}
}

func testBinary(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
