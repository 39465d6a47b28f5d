//go:build linux && amd64

package faults

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoLocks runs healthctl on a file system that cannot lock files. Every command is
// refused and says what to do, a code other than 0 takes the 0 away, and another command
// changes nothing.
func TestNoLocks(t *testing.T) {
	requirePtrace(t)
	h := newHarness(t)
	var jobs []func()
	for _, errno := range []unix.Errno{unix.ENOLCK, unix.ENOSYS, unix.EOPNOTSUPP} {
		for _, args := range [][]string{{"set", "0"}, {"set", "42"}, {"beat"}, {"reset"}, {"load"}} {
			jobs = append(jobs, func() { h.withoutLocks(errno, args) })
		}
	}
	h.run(jobs)
	h.report(t)
}

func (h *harness) withoutLocks(errno unix.Errno, args []string) {
	f := h.newFixture()
	defer f.close()
	p := f.recordOwner("0")
	if args[0] == "load" {
		args = append(args, "-pid", p.pidArg())
	}
	t := &tracer{argv: f.ctlArgs(args[0], args[1:]...)}
	t.decide = func(c call) action {
		if c.name == "flock" && !c.after {
			return action{kind: fail, errno: errno}
		}
		return action{}
	}
	end, err := t.run()
	f.countPoint()
	name := errno.Error() + ", " + strings.Join(args, " ")
	const cure = ": the file system cannot lock files: mount an emptyDir or a tmpfs at "
	if err != nil || end.status != 1 || !strings.Contains(end.output, cure) || strings.Count(end.output, "\n") != 1 {
		h.violationf("%s: %v, status %d, %q", name, err, end.status, end.output)
	}
	if ok, line := f.healthy(); ok == (args[len(args)-1] == "42") {
		h.violationf("%s: healthy: %v, %q", name, ok, line)
	}
}
