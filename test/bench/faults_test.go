//go:build linux

package bench

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestPageFaults counts the page faults of a healthy answer, from the first
// instruction to the exit. They are most of what the direct entry costs beside its
// system calls, and each is due to something that lies apart: the code is in one group
// of pages, its constant texts are in another. Its variables are in a page that the
// kernel has touched before, see command.go in cmd/healthprobe.
//
// The fewest of many runs count, because the kernel places the stack at random: it
// may cross into a second page.
func TestPageFaults(t *testing.T) {
	p := build(t)
	fewest := func(argv ...string) (fewest, most int) {
		fewest = math.MaxInt
		for range 50 {
			n := ptrace(t, p.env, argv...).faults
			fewest, most = min(fewest, n), max(most, n)
		}
		t.Logf("%v: %d to %d page faults", argv, fewest, most)
		return fewest, most
	}
	if n, _ := fewest(p.baseline); n != 1 {
		testenv.Require(t, false, "the baseline has %d page faults and not 1: this kernel maps programs in another way", n)
	}
	want := 2
	if !strings.HasPrefix(runtime.Version(), "go1.26") { // the linker of another version may split one of the groups
		want = 4
	}
	for _, flags := range [][]string{nil, {"-max-age", "1h"}, {"-live"}} {
		n, most := fewest(append([]string{p.direct}, flags...)...)
		if n > want || n < want && want == 2 || most > n+1 {
			t.Errorf("%q: %d to %d page faults, want %d, and one more at times", flags, n, most, want)
		}
	}
}
