//go:build linux

package bench

import (
	"slices"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestPageFaults limits the page faults of a healthy answer, from the first instruction
// to the exit. They are most of what the direct entry costs beside its system calls.
//
// The fewest of many runs count, because the kernel places the stack at random: it
// may cross into a second page. Single runs can have more, after the system has dropped
// pages of the program from its cache.
func TestPageFaults(t *testing.T) {
	p := build(t)
	fewest := func(argv ...string) (fewest, usual int) {
		counts := make([]int, 50)
		for i := range counts {
			counts[i] = ptrace(t, p.env, argv...).faults
		}
		fewest, usual = slices.Min(counts), median(counts)
		t.Logf("%v: %d page faults at least, %d usually", argv, fewest, usual)
		return fewest, usual
	}
	if n, _ := fewest(p.baseline); n != 1 {
		testenv.Require(t, false, "the baseline has %d page faults and not 1: this kernel maps programs in another way", n)
	}
	const limit = 8 // 7 with Go 1.26; the linker of another version may place code otherwise
	for _, flags := range [][]string{nil, {"-max-age", "1h"}, {"-live"}} {
		n, usual := fewest(append([]string{p.direct}, flags...)...)
		if n > limit || usual > n+1 {
			t.Errorf("%q: %d page faults at least and %d usually, want at most %d, and one more", flags, n, usual, limit)
		}
	}
}
