//go:build linux && amd64

package faults

import (
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLocked holds the lock of a unit for good. The probe needs no lock. All
// else gives up in one line; only a code other than 0 takes the old 0 back.
func TestLocked(t *testing.T) {
	h := newHarness()
	h.run([]func(){func() {
		var all sync.WaitGroup
		for _, c := range []struct {
			argv  []string
			after verdict
			says  string // beside that it is locked
		}{
			{[]string{"set", "0"}, healthy, ""},
			{[]string{"set", "42"}, unhealthy, "is empty now"},
			{[]string{"beat"}, healthy, ""},
			{[]string{"reset"}, healthy, ""},
			{[]string{"load"}, healthy, ""},
			{[]string{"exec", "sleep", "0"}, healthy, ""},
		} {
			w := h.newWorld()
			defer w.close()
			l := w.ownedBy("0")
			if c.argv[0] == "load" {
				c.argv = append(c.argv, "-pid", l.pidArg())
			}
			fd, err := unix.Open(w.path(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
			must(err)
			defer unix.Close(fd)
			must(unix.Flock(fd, unix.LOCK_EX))
			if ok, line := w.healthy(); !ok {
				h.violated("locked, and so unhealthy: %s", line)
			}
			all.Go(func() { // each waits for two seconds
				o := w.healthctl(c.argv[0], c.argv[1:]...)
				h.point()
				if o.status != 1 || strings.Count(o.stderr, "\n") != 1 || !strings.Contains(o.stderr, "locked") {
					h.violated("%v of a locked unit: status %d, %q", c.argv, o.status, o.stderr)
				}
				if !strings.Contains(o.stderr, c.says) {
					h.violated("%v of a locked unit is to say what stands now, not %q", c.argv, o.stderr)
				}
				if ok, line := w.healthy(); ok != (c.after == healthy) {
					h.violated("%v of a locked unit leaves it healthy %v: %s", c.argv, ok, line)
				}
			})
		}
		all.Wait()
	}})
	h.report(t)
}
