//go:build linux && amd64

package faults

import (
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHeldLock holds the lock of a unit throughout. The probe does not need the
// lock. The commands give up and print one line. A set of a code other than 0 still
// invalidates the 0 before it.
func TestHeldLock(t *testing.T) {
	h := newHarness(t)
	h.run([]func(){func() {
		var all sync.WaitGroup
		for _, c := range []struct {
			argv  []string
			after verdict
			want  string // in the message, besides "lock of"
		}{
			{[]string{"set", "0"}, healthy, ""},
			{[]string{"set", "42"}, unhealthy, "is empty now"},
			{[]string{"beat"}, healthy, ""},
			{[]string{"reset"}, healthy, ""},
			{[]string{"load"}, healthy, ""},
			{[]string{"exec", "sleep", "0"}, healthy, ""},
		} {
			f := h.newFixture()
			defer f.close()
			p := f.recordOwner("0")
			if c.argv[0] == "load" {
				c.argv = append(c.argv, "-pid", p.pidArg())
			}
			fd, err := unix.Open(f.path(".lock"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
			must(err)
			defer unix.Close(fd)
			must(unix.Flock(fd, unix.LOCK_EX))
			if ok, line := f.healthy(); !ok {
				h.violationf("unhealthy because the unit is locked: %s", line)
			}
			all.Go(func() { // each waits two seconds for the lock
				o := f.healthctl(c.argv[0], c.argv[1:]...)
				h.countPoint()
				if o.status != 1 || strings.Count(o.stderr, "\n") != 1 || !strings.Contains(o.stderr, "lock of") {
					h.violationf("%v of a locked unit: status %d, %q", c.argv, o.status, o.stderr)
				}
				if !strings.Contains(o.stderr, c.want) {
					h.violationf("%v of a locked unit does not explain the state: %q", c.argv, o.stderr)
				}
				if ok, line := f.healthy(); ok != (c.after == healthy) {
					h.violationf("%v of a locked unit: healthy %v afterwards: %s", c.argv, ok, line)
				}
			})
		}
		all.Wait()
	}})
	h.report(t)
}
