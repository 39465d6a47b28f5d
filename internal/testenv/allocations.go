package testenv

import "testing"

// CheckAllocations calls f as testing.AllocsPerRun does, and fails the test if f
// allocates where the direct entry's system calls are compiled in, which is with
// the build tag healthprobe_direct. Those of x/sys allocate.
func CheckAllocations(t testing.TB, runs int, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(runs, f); n != 0 && direct {
		t.Errorf("%v allocations", n)
	}
}
