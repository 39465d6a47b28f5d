//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// limit sets a limit of run, and only of run.
func (s *supervised) limit(resource int, soft uint64) {
	var was unix.Rlimit
	must(unix.Prlimit(s.pid, resource, nil, &was))
	must(unix.Prlimit(s.pid, resource, &unix.Rlimit{Cur: soft, Max: was.Max}, nil))
}

// TestRunAtTheDescriptorLimit lets run open nothing for a while.
func TestRunAtTheDescriptorLimit(t *testing.T) {
	t.Parallel()
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", "notify")
		s.do("notify:STATUS=loading")
		s.do("barrier")
		var was unix.Rlimit
		must(unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, nil, &was))
		s.limit(unix.RLIMIT_NOFILE, 0)
		s.do("notify:READY=1")
		s.do("notify:WATCHDOG=1")
		s.until("said", func() bool { return strings.Contains(s.printed(), "too many open files") })
		s.limit(unix.RLIMIT_NOFILE, was.Cur)
		s.untilHealthy()
		s.end(0, "too many open files")
	})
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", lookPath("true"), "-ready-every", "50ms")
		s.untilHealthy()
		var was unix.Rlimit
		must(unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, nil, &was))
		s.limit(unix.RLIMIT_NOFILE, 0) // no check can be started
		s.untilSays("unhealthy")
		s.limit(unix.RLIMIT_NOFILE, was.Cur)
		s.untilHealthy()
		s.end(0, "too many open files")
	})
	h := newHarness(t)
	var jobs []func()
	for n := 3; n < 16; n++ {
		jobs = append(jobs, func() { h.limited("-n", n) })
	}
	h.run(jobs)
	h.report(t)
}

// TestRunAtTheProcessLimit has no room for processes, for a while and from the start.
func TestRunAtTheProcessLimit(t *testing.T) {
	t.Parallel()
	testenv.Require(t, os.Geteuid() == 0, "to be another user needs root")
	surroundings(t, func(f *fixture) {
		must(os.Chmod(f.runDir, 0o777))
		s := f.superviseAs(lonely, nil, "-ready", lookPath("true"), "-ready-every", "50ms")
		s.untilHealthy()
		s.do("processes:1")
		// The Go runtime may need a thread at this moment, on a busy machine, and ends run: then COMMAND ends too.
		threadless := func() bool { return strings.Contains(s.printed(), "failed to create new OS thread") }
		s.until("at the limit", func() bool { return threadless() || strings.Contains(s.line(), "resource temporarily unavailable") })
		if threadless() {
			s.until("unhealthy", func() bool { ok, _ := f.healthy(); return !ok })
			return
		}
		s.do("processes:max")
		s.untilHealthy()
		s.end(0)
	})
	h := newHarness(t)
	var jobs []func()
	for n := 1; n < 18; n++ {
		jobs = append(jobs, func() { h.limited("-u", n) })
	}
	h.run(jobs)
	h.report(t)
}

// TestRunAtTheMemoryLimit has no address space left, for a while and from the start.
func TestRunAtTheMemoryLimit(t *testing.T) {
	t.Parallel()
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", lookPath("true"), "-ready-every", "50ms")
		s.untilHealthy()
		command := s.recorded()
		var was unix.Rlimit
		must(unix.Prlimit(s.pid, unix.RLIMIT_AS, nil, &was))
		s.limit(unix.RLIMIT_AS, 0) // which a check inherits: it cannot start
		s.untilSays("unhealthy")
		// The Go runtime ends a program that needs more and gets none. Then COMMAND ends too.
		failed := func() bool { return strings.Contains(s.printed(), "fatal error: ") }
		if !failed() {
			s.limit(unix.RLIMIT_AS, was.Cur)
			s.until("healthy", func() bool { return failed() || s.line() == "" })
		}
		if failed() {
			s.until("dead as well", func() bool { return !alive(command) })
			s.untilSays("unhealthy")
			return
		}
		s.end(0)
	})
	h := newHarness(t)
	var jobs []func()
	for n := 600_000; n < 800_000; n += 4_000 { // KiB: below, the runtime cannot start, and above there is enough
		jobs = append(jobs, func() { h.limited("-v", n) })
	}
	h.run(jobs)
	h.report(t)
}

// lonely is a user of whom no other process runs.
var lonely = &syscall.Credential{Uid: 54321, Gid: 54321}

// limited runs a COMMAND with a limit, as ulimit sets it. It works, or says why not; the Go
// runtime may end it where it cannot start.
func (h *harness) limited(flag string, n int) {
	f := h.newFixture()
	defer f.close()
	must(os.Chmod(f.runDir, 0o777))
	cred := &syscall.Credential{Uid: lonely.Uid + uint32(n), Gid: lonely.Gid}
	argv := append([]string{"/bin/sh", "-c", fmt.Sprintf(`ulimit %s %d && exec "$@"`, flag, n), "sh"}, f.ctlArgs("run", "-ready", "notify", "--", "/bin/sleep", "0.05")...)
	o := f.commandAs(cred, argv...)
	f.countPoint()
	if o.status != 0 && o.stderr == "" {
		f.violationf("ulimit %s %d: status %d, and nothing says why", flag, n, o.status)
	}
	if ok, _ := f.healthy(); ok {
		f.violationf("ulimit %s %d: healthy after the end", flag, n)
	}
}

// TestRunDiskFull fills the file system of the unit.
func TestRunDiskFull(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	surroundings(t, func(f *fixture) {
		must(unix.Mount("none", f.runDir, "tmpfs", 0, "size=64k"))
		fill := func() {
			file, err := os.Create(f.runDir + "/full")
			must(err)
			defer file.Close()
			for err == nil {
				_, err = file.Write(make([]byte, 4096))
			}
		}
		s := f.supervise("-ready", "notify")
		s.do("barrier")
		fill()
		s.do("notify:READY=1")
		s.until("said", func() bool { return strings.Contains(s.printed(), "no space left") })
		if s.line() == "" {
			s.violationf("healthy, though that could not be recorded")
		}
		must(os.Remove(f.runDir + "/full"))
		s.untilHealthy()
		fill()
		s.shiftHeartbeat(-time.Hour)
		s.do("notify:WATCHDOG=1") // which needs no room
		s.until("a heartbeat", func() bool { return s.line("-max-age", "1m") == "" })
		s.do("notify:STOPPING=1")
		s.untilSays("error is empty")
		must(os.Remove(f.runDir + "/full"))
		s.untilSays("stopping")
		s.end(0, "no space left", "no space left")
	})
}
