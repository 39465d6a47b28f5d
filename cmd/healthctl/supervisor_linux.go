package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/writer"
	"golang.org/x/sys/unix"
)

// supervisor is the parent of COMMAND: a small init. It starts COMMAND, passes signals on,
// reaps, and ends with it. What it finds out about COMMAND goes to health.
type supervisor struct {
	*watch
	runDir, unit, dir string

	inherited []string // the environment, without the variables of sd_notify(3)

	pid      int // COMMAND's
	pidfd    int // COMMAND's; negative on kernels that have none
	tty      *terminal
	children children
	owner    *writer.Unit // COMMAND's unit
	health   *health
	notify   *notifySocket
	lines    chan func() // what print does next
	loaded   bool        // the unit is COMMAND's, and ours to reset
	executed bool        // COMMAND has begun
}

// run starts COMMAND and returns when it has ended. words is what run was given.
func (s *supervisor) run(words []string) error {
	if s.notifies() {
		if problem := socketProblem(s.socketPath()); problem != "" {
			return fmt.Errorf("run %s: %s", s.unit, problem)
		}
	}
	if os.Getpid() != 1 {
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // best effort, to reap orphans as pid 1 would
	}
	s.lines = make(chan func(), 64)
	go s.print()
	description := signalsAtStart()
	signals := make(chan os.Signal, 128)
	signal.Notify(signals) // all
	parent, child, err := newLink()
	if err != nil {
		return fmt.Errorf("run %s: %w", s.unit, err)
	}
	s.tty = openTerminal()
	if err := s.start(append([]string{"healthctl", commandToStart, strconv.Itoa(child), description}, words...)); err != nil {
		return fmt.Errorf("run %s: cannot start a process: %w", s.unit, err)
	}
	unix.Close(child)
	s.owner, err = writer.Open(writer.WithRunDir(s.runDir), writer.WithName(s.unit), writer.WithPid(s.pid))
	if err != nil { // never: both were checked before
		return err
	}
	s.health = newHealth(s.watch, s.owner, s.say, s.endHung)
	go s.passOn(signals)
	followed := make(chan struct{})
	go func() {
		s.follow(parent)
		close(followed)
	}()
	status := s.reap()
	<-followed
	s.end(status)
	return exitStatus(status)
}

// start starts the child that is to become COMMAND, in a process group of its own, so
// that a terminal's signals reach it once, and gives it the terminal if we have it.
func (s *supervisor) start(argv []string) error {
	attr := &syscall.ProcAttr{Env: s.environment(), Sys: &syscall.SysProcAttr{Setpgid: true}}
	for fd := range 3 {
		if closedAtStart(fd) {
			fd = -1 // stays closed
		}
		attr.Files = append(attr.Files, uintptr(fd))
	}
	if os.Getpid() != 1 { // with pid 1 the kernel ends all
		attr.Sys.Pdeathsig = unix.SIGKILL
	}
	pid, err := syscall.ForkExec("/proc/self/exe", argv, attr)
	if err != nil {
		return err
	}
	s.pid = pid
	if s.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
		s.pidfd = -1
	}
	s.tty.give(pid)
	return nil
}

const (
	notifySocketName = "NOTIFY_SOCKET"
	watchdogUsec     = "WATCHDOG_USEC"
	watchdogPid      = "WATCHDOG_PID"
)

// withoutNotify returns an environment without the variables of sd_notify(3). They are
// removed, not emptied: some servers end if one is empty, or names a socket on which
// nobody listens.
func withoutNotify(env []string) []string {
	return without(env, notifySocketName, watchdogUsec, watchdogPid)
}

// without returns an environment without some variables.
func without(env []string, names ...string) (rest []string) {
	for _, entry := range env {
		if name, _, _ := strings.Cut(entry, "="); !slices.Contains(names, name) {
			rest = append(rest, entry)
		}
	}
	return rest
}

// environment returns COMMAND's, but for WATCHDOG_PID, which the child knows.
func (s *supervisor) environment() []string {
	env := slices.Clone(s.inherited)
	if s.notifies() {
		env = append(env, notifySocketName+"="+s.socketPath())
		if s.watchdog != 0 {
			env = append(env, fmt.Sprintf("%s=%d", watchdogUsec, s.watchdog.Microseconds()))
		}
	}
	return env
}

func (s *supervisor) socketPath() string { return s.dir + "/notify" }

// follow goes with the child until it has become COMMAND.
func (s *supervisor) follow(child link) {
	defer child.Close()
	loaded, err := child.awaitLoaded()
	if err != nil {
		s.say("%v", err)
	}
	if !loaded {
		return // it has said why, and ends
	}
	s.loaded = true
	if s.notifies() {
		if err := s.listen(); err != nil {
			s.say("%v", err)
			return // which ends the child
		}
	}
	go s.health.record()
	executed, err := child.goOn()
	if err != nil {
		s.say("%v", err)
	}
	if executed {
		s.executed = true
		s.health.started()
		s.ask()
	}
}

// listen makes the socket on which COMMAND notifies.
func (s *supervisor) listen() (err error) {
	if s.notify, err = listenNotify(s.socketPath()); err != nil {
		return err
	}
	go s.notify.receive(&receiver{
		pid: s.pid, all: *s.notifyAll, health: s.health, outer: outerSocket(s.socketPath()), say: s.say,
		index: slices.IndexFunc(s.ready, func(r requirement) bool { return r.notify }),
	})
	return nil
}

// passOn passes signals on to COMMAND. What the terminal sends, COMMAND gets itself.
func (s *supervisor) passOn(signals <-chan os.Signal) {
	for received := range signals {
		switch received {
		case unix.SIGCHLD:
			continue
		case unix.SIGPIPE:
			if s.ownPipe() {
				continue
			}
		case unix.SIGCONT: // after a stop: see stopped
			s.tty.give(s.pid)
			if unix.Kill(-s.pid, unix.SIGCONT) == nil {
				continue
			}
		}
		if err := s.signal(received.(syscall.Signal)); err != nil && err != unix.ESRCH {
			s.say("cannot pass on %s: %v", received, err)
		}
	}
}

// signal sends COMMAND a signal. By its pidfd a late one cannot reach another process that
// has got the pid.
func (s *supervisor) signal(sig syscall.Signal) error {
	if s.pidfd >= 0 {
		return unix.PidfdSendSignal(s.pidfd, sig, nil, 0)
	}
	return unix.Kill(s.pid, sig)
}

// reap waits for COMMAND's end, and for that of whatever else is our child: checks, and as
// pid 1 or as a subreaper, orphans. It returns the exit status that COMMAND's end makes.
func (s *supervisor) reap() int {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil: // never: COMMAND is our child
			s.say("wait4: %v", err)
			return 1
		case status.Stopped():
			if pid == s.pid {
				s.stopped(status.StopSignal())
			}
		case pid == s.pid:
			if status.Signaled() {
				return 128 + int(status.Signal())
			}
			return status.ExitStatus()
		default:
			s.children.note(pid, status)
		}
	}
}

// stopped stops us as well when COMMAND has stopped, so that a shell sees its job stop.
// SIGCONT ends it: see passOn.
func (s *supervisor) stopped(by unix.Signal) {
	fromTerminal := by == unix.SIGTSTP || by == unix.SIGTTIN || by == unix.SIGTTOU
	switch {
	case os.Getpid() == 1: // the kernel does not stop it, and a COMMAND that is pid 1 would not stop either
		if by == unix.SIGTSTP {
			unix.Kill(-s.pid, unix.SIGCONT)
		}
	case s.tty == nil: // no shell looks on
	case fromTerminal: // which would have stopped our whole process group
		s.tty.takeBack(s.pid)
		unix.Kill(0, unix.SIGSTOP)
	default:
		s.tty.takeBack(s.pid)
		unix.Kill(os.Getpid(), unix.SIGSTOP)
	}
}

// endHung ends a COMMAND that gives no heartbeat any more.
func (s *supervisor) endHung(sig syscall.Signal) {
	s.signal(sig)
	if sig == unix.SIGKILL {
		unix.Kill(-s.pid, sig)
	}
}

// end leaves things as they were before COMMAND.
func (s *supervisor) end(status int) {
	defer s.flush()
	s.health.finish()
	left := s.children.end()
	s.tty.takeBack(s.pid)
	if !s.loaded && status < 128 {
		return // by itself it leaves nothing behind
	}
	if left && s.executed {
		s.say("COMMAND has ended, and left processes behind: if they are the application, run it in the foreground")
	}
	if s.notify != nil {
		if err := s.notify.remove(); err != nil {
			s.say("%v", err)
		}
	}
	if err := s.owner.Reset(); err != nil && s.loaded { // else the unit may be another process's
		s.say("%v", err)
	}
}

// say prints a line, and never waits: if nobody reads standard error any more, COMMAND is
// still to be watched, and ended.
func (s *supervisor) say(format string, args ...any) {
	line := fmt.Sprintf("healthctl: run %s: %s", s.unit, fmt.Sprintf(format, args...))
	select {
	case s.lines <- func() { printLine(line) }:
	default: // what cannot be printed is lost
	}
}

// print prints what say was told.
func (s *supervisor) print() {
	for line := range s.lines {
		line()
	}
}

// flush waits until all has been printed, but not for ever.
func (s *supervisor) flush() {
	done, late := make(chan struct{}), time.After(time.Second)
	select {
	case s.lines <- func() { close(done) }:
	case <-late:
		return
	}
	select {
	case <-done:
	case <-late:
	}
}

// printing is held while a line is written, whose end may be a SIGPIPE of our own.
var printing struct {
	sync.Mutex
	pipes int // how many came from our own lines
}

func printLine(line string) {
	printing.Lock()
	defer printing.Unlock()
	if err := printError(line); errors.Is(err, unix.EPIPE) {
		printing.pipes++
	}
}

// ownPipe reports whether a SIGPIPE is that of a line of ours.
func (s *supervisor) ownPipe() bool {
	if !printing.TryLock() { // a line is being written
		return true
	}
	defer printing.Unlock()
	if printing.pipes == 0 {
		return false
	}
	printing.pipes--
	return true
}
