//go:build linux && amd64

package faults

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// supervised is healthctl run with an application as COMMAND that does as it is told.
type supervised struct {
	*fixture
	*process
	tell    io.WriteCloser
	answers *bufio.Reader
	ended   chan struct{}

	mu     sync.Mutex
	output bytes.Buffer // run's standard error
}

// superviseAs starts it as a user, after a change of the command line.
func (f *fixture) superviseAs(cred *syscall.Credential, prefix []string, flags ...string) *supervised {
	argv := append(append(prefix, f.ctlArgs("run", flags...)...), "--", f.app, f.runDir, f.unit, "obey")
	cmd := exec.Command(argv[0], argv[1:]...)
	s := &supervised{fixture: f, ended: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	must(err)
	stdout, err := cmd.StdoutPipe()
	must(err)
	cmd.Stderr = s
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	s.tell, s.answers = stdin, bufio.NewReader(stdout)
	s.process = f.start(cmd)
	return s
}

func (f *fixture) supervise(flags ...string) *supervised { return f.superviseAs(nil, nil, flags...) }

// Write keeps what run prints.
func (s *supervised) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.Write(b)
}

func (s *supervised) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.String()
}

// do has COMMAND carry out a step, and waits until it has.
func (s *supervised) do(step string) {
	fmt.Fprintln(s.tell, step)
	answer := make(chan string, 1)
	go func() {
		line, _ := s.answers.ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case got := <-answer:
		if got != "done" {
			s.violationf("%s: %q; run has printed %q", step, got, s.printed())
		}
	case <-time.After(hangTimeout):
		s.violationf("%s hangs; run has printed %q", step, s.printed())
		s.kill()
		<-answer
	}
}

// until waits until what holds.
func (s *supervised) until(what string, holds func() bool) {
	for deadline := time.Now().Add(hangTimeout); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.violationf("never %s; the last line of the probe: %q; run has printed %q", what, s.line(), s.printed())
			return
		}
	}
	s.countPoint()
}

func (s *supervised) line(flags ...string) string {
	_, line := s.healthy(flags...)
	return line
}

func (s *supervised) untilHealthy() {
	s.until("healthy", func() bool { return s.line() == "" })
}

// untilSays waits until the probe's line has a text.
func (s *supervised) untilSays(text string, flags ...string) {
	s.until(text, func() bool { return strings.Contains(s.line(flags...), text) })
}

// end ends COMMAND, and with it run, which must have printed what has these texts, one
// in each line.
func (s *supervised) end(status int, printed ...string) {
	s.tell.Close()
	guard := time.AfterFunc(hangTimeout, func() { s.cmd.Process.Kill() })
	s.cmd.Wait()
	if !guard.Stop() {
		s.violationf("run does not end")
	}
	if got := s.cmd.ProcessState.ExitCode(); got != status {
		s.violationf("run has status %d, want %d: %q", got, status, s.printed())
	}
	lines := strings.SplitAfter(s.printed(), "\n")
	lines = lines[:len(lines)-1]
	for i, line := range lines {
		if len(lines) != len(printed) || !strings.Contains(line, printed[i]) {
			s.violationf("run has printed %q, want %q", lines, printed)
			break
		}
	}
	if len(lines) < len(printed) {
		s.violationf("run has printed %q, want %q", lines, printed)
	}
	if line := s.line(); line == "" {
		s.violationf("healthy after the end")
	}
	if left := s.left(); len(left) > 0 {
		s.violationf("run leaves %v", left)
	}
}

// recorded returns the pid of COMMAND.
func (s *supervised) recorded() int {
	pid := 0
	s.until("recorded", func() bool {
		held, _ := s.readFile("pid")
		pid, _ = strconv.Atoi(strings.TrimSpace(held))
		return pid != 0
	})
	return pid
}

// surroundings runs a test of one run.
func surroundings(t *testing.T, test func(f *fixture)) {
	t.Helper()
	h := newHarness(t)
	h.run([]func(){func() {
		f := h.newFixture()
		defer f.close()
		test(f)
	}})
	h.report(t)
}

// TestRunKilled kills run, and stops it.
func TestRunKilled(t *testing.T) {
	t.Parallel()
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", "notify")
		s.do("notify:READY=1")
		s.untilHealthy()
		command := s.recorded()
		must(unix.Kill(s.pid, unix.SIGSTOP))
		if line := s.line("-max-age", "1m"); line != "" {
			s.violationf("run has stopped, and at once the probe says %q", line)
		}
		for range 5 { // the queue takes them
			s.do("notify:WATCHDOG=1")
		}
		s.shiftHeartbeat(-time.Hour)
		if line := s.line(); line != "" {
			s.violationf("run has stopped, and the probe says %q", line)
		}
		s.untilSays("no heartbeat", "-max-age", "1m")
		must(unix.Kill(s.pid, unix.SIGCONT))
		s.until("a heartbeat again", func() bool { return s.line("-max-age", "1m") == "" })

		must(unix.Kill(s.pid, unix.SIGKILL))
		s.cmd.Wait()
		s.until("dead as well", func() bool { return !alive(command) })
		s.untilSays("unhealthy")
		s.shutPipes()
		next := f.supervise("-ready", "notify") // over the socket that was left
		next.do("notify:READY=1")
		next.untilHealthy()
		next.end(0)
	})
}

func (s *supervised) shutPipes() { s.tell.Close() }

// TestRunUnitRemoved removes the directory of the unit from under run.
func TestRunUnitRemoved(t *testing.T) {
	t.Parallel()
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", lookPath("true"), "-ready-every", "50ms")
		s.untilHealthy()
		must(os.RemoveAll(f.path()))
		s.untilSays("not loaded")
		s.until("said", func() bool { return s.printed() != "" })
		s.do("begin") // it lives
		s.end(0, "not loaded: no directory")
	})
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", "notify")
		s.do("notify:READY=1")
		s.untilHealthy()
		must(os.RemoveAll(f.path()))
		s.untilSays("not loaded")
		s.end(0)
	})
}

// TestRunWhileLocked holds the lock of the unit while COMMAND sends more than its queue
// takes: none of it waits, and what was said last counts in the end.
func TestRunWhileLocked(t *testing.T) {
	t.Parallel()
	for range 5 { // on a busy machine it may have no time
		waited := true
		surroundings(t, func(f *fixture) { waited = f.sendWhileLocked() })
		if !waited {
			return
		}
	}
	t.Error("COMMAND's datagrams wait until run has given up the lock")
}

// sendWhileLocked reports whether run, which tries for 2 s, had given up the lock before all
// was sent.
func (f *fixture) sendWhileLocked() (waited bool) {
	s := f.supervise("-ready", "notify")
	s.do("barrier") // it is not in the middle of anything
	fd, err := unix.Open(f.path(".lock"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	must(err)
	must(unix.Flock(fd, unix.LOCK_EX))
	s.do("notify:READY=1")
	s.do("floods:10")
	gaveUp := func() bool { return strings.Contains(s.printed(), "lock of") }
	waited = gaveUp()
	s.until("said", gaveUp)
	if s.line() == "" {
		s.violationf("healthy without the lock")
	}
	must(unix.Close(fd))
	s.untilHealthy()
	s.end(0, "lock of")
	return waited
}

// TestRunQueueFull sends without pause, from COMMAND and from another process.
func TestRunQueueFull(t *testing.T) {
	t.Parallel()
	surroundings(t, func(f *fixture) {
		times := "500"
		if *long {
			times = "20000"
		}
		s := f.supervise("-ready", "notify")
		s.do("barrier")
		var others sync.WaitGroup
		for range 2 {
			others.Go(func() {
				if o := s.asOther("floods:"+times, "notify:READY=1"); o.status != 0 {
					s.violationf("another sender: status %d, %q", o.status, o.stderr)
				}
			})
		}
		s.do("floods:" + times)
		others.Wait()
		s.do("barrier")
		if line := s.line(); !strings.Contains(line, "not set yet") && !strings.Contains(line, "waiting for READY=1") {
			s.violationf("before READY=1 of COMMAND the probe says %q", line)
		}
		s.do("notify:READY=1")
		s.untilHealthy()
		s.end(0, "ignoring notifications from pid")
	})
}

// TestRunOwnSocket: run was started with the NOTIFY_SOCKET that it makes itself, maybe by
// another path, as /var/run is one of /run.
func TestRunOwnSocket(t *testing.T) {
	t.Parallel()
	for _, alias := range []bool{false, true} {
		surroundings(t, func(f *fixture) {
			socket := f.path("notify")
			if alias {
				link := f.runDir + "-alias"
				must(os.Symlink(f.runDir, link))
				defer os.Remove(link)
				socket = filepath.Join(link, f.unit, "notify")
			}
			s := f.superviseAs(nil, []string{"/usr/bin/env", "NOTIFY_SOCKET=" + socket}, "-ready", "notify", "-notify-all")
			s.do("notify:READY=1")
			s.do("notify:WATCHDOG=1")
			s.untilHealthy()
			s.do("barrier")
			s.shiftHeartbeat(-time.Hour)
			time.Sleep(300 * time.Millisecond) // run records heartbeats every 100 ms
			if line := s.line("-max-age", "1m"); !strings.Contains(line, "no heartbeat") {
				s.violationf("a heartbeat that COMMAND has sent once goes on: the probe says %q", line)
			}
			s.end(0)
		})
	}
}

// asOther runs the application as a process other than COMMAND.
func (s *supervised) asOther(steps ...string) outcome {
	return s.command(append([]string{"/usr/bin/env", "NOTIFY_SOCKET=" + s.path("notify"), s.app, s.runDir, s.unit}, steps...)...)
}

// TestRunOtherSenders: what another process sends does not count, unless -notify-all says so.
func TestRunOtherSenders(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		surroundings(t, func(f *fixture) {
			s := f.supervise("-ready", "notify", fmt.Sprintf("-notify-all=%v", all))
			s.do("notify:STATUS=loading")
			s.do("barrier")
			s.asOther("notify:READY=1")
			if all {
				s.untilHealthy()
				s.end(0)
				return
			}
			s.asOther("notify:STOPPING=1", "notify:WATCHDOG=trigger", "notify:STATUS=theirs")
			s.do("barrier") // which comes after them
			s.untilSays("loading")
			s.do("notify:READY=1")
			s.untilHealthy()
			s.end(0, "ignoring notifications from pid")
		})
	}
}

// TestRunDescriptors: descriptors that are sent along are closed, whoever sends them and
// whatever with.
func TestRunDescriptors(t *testing.T) {
	t.Parallel()
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", "notify")
		s.do("notify:READY=1")
		s.untilHealthy()
		s.do("barrier")
		before := s.descriptors()
		var theirs []string
		send := func(n int, text string) string { return fmt.Sprintf("fds:%d:%s", n, hex.EncodeToString([]byte(text))) }
		for _, text := range []string{
			"FDSTORE=1", "BARRIER=1", "READY=1\nBARRIER=1", "a\x00b", "", strings.Repeat("x", 4096), strings.Repeat("x", 4097), strings.Repeat("x", 20000),
		} {
			for _, n := range []int{1, 2, 30, 253} {
				s.do(send(n, text))
				theirs = append(theirs, send(n, text))
			}
		}
		s.asOther(theirs...)
		s.do("barrier")
		s.until("as many descriptors as before", func() bool { return s.descriptors() == before })
		s.untilHealthy()
		s.end(0, "ignoring notifications from pid")
	})
}

func (s *supervised) descriptors() int {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	must(err)
	return len(open)
}

// TestRunBarrier: whoever has waited for a barrier finds recorded what was said before.
func TestRunBarrier(t *testing.T) {
	t.Parallel()
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", "notify")
		for i := range 30 {
			text := "step " + strconv.Itoa(i)
			s.do("notify:STATUS=" + text)
			s.do("barrier")
			if held, _ := s.readFile("reason"); held != "1 "+text+"\n" {
				s.violationf("after the barrier the reason is %q, want %q", held, text)
			}
		}
		s.do("notify:READY=1")
		s.do("barrier")
		if line := s.line(); line != "" {
			s.violationf("after the barrier the probe says %q", line)
		}
		s.shiftHeartbeat(-time.Hour)
		s.do("notify:WATCHDOG=1")
		s.do("barrier")
		if line := s.line("-max-age", "1m"); line != "" {
			s.violationf("after the barrier the probe says %q", line)
		}
		s.do("notify:STOPPING=1")
		s.do("barrier")
		if line := s.line(); !strings.Contains(line, "stopping") {
			s.violationf("after the barrier the probe says %q", line)
		}
		s.end(0)
	})
}

// hostile are datagrams that nobody should send.
var hostile = []string{
	"", "\x00", "\x00\x00", "READY=1\x00STOPPING=1", "STOPPING=1\x00x", "STATUS=\xff\xfe", "MAINPID=-1", "MAINPID=99999999999999999999", "WATCHDOG=",
	"=", "\n\n\n", "stopping=1", "STOPPING=10", "STOPPING =1", strings.Repeat("A=1\n", 1000), strings.Repeat("x", 4096),
	strings.Repeat("STOPPING=1\n", 500), "STOPPING=1\n" + strings.Repeat("x", 4096), strings.Repeat("\x00", 4097),
}

// TestRunHostileDatagrams: none of them ends anything.
func TestRunHostileDatagrams(t *testing.T) {
	t.Parallel()
	surroundings(t, func(f *fixture) {
		s := f.supervise("-ready", "notify")
		for _, ready := range []bool{false, true} {
			for _, text := range hostile {
				s.do("fds:0:" + hex.EncodeToString([]byte(text)))
			}
			s.do("barrier")
			if !ready {
				s.do("notify:READY=1")
			}
			s.untilHealthy()
		}
		s.end(0)
	})
}
