package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"golang.org/x/sys/unix"
)

// ask begins to ask about each -ready that has to be asked for.
func (s *supervisor) ask() {
	for i, r := range s.ready {
		if r.notify {
			continue
		}
		go func() {
			listened := false
			pause := 100 * time.Millisecond
			for {
				time.Sleep(min(pause, s.pause()))
				pause = min(2*pause, s.pause())
				if r.check != nil {
					s.askCheck(i, r.check)
				} else {
					listened = s.askPort(i, r.port, listened)
				}
			}
		}()
	}
}

// askPort asks whether something listens. That it begins to, or no longer does, is a
// heartbeat, and nothing else: a socket listens on while its process hangs.
func (s *supervisor) askPort(i int, port uint16, before bool) (ready bool) {
	ready, err := listens(port)
	reason := fmt.Sprintf("nothing listens on port %d", port)
	if err != nil {
		reason = err.Error()
	}
	s.health.answered(i, ready, 1, reason, ready != before)
	return ready
}

// timedOut is the code of a check that was killed, as of timeout(1).
const timedOut = 124

// askCheck runs a check once.
func (s *supervisor) askCheck(i int, argv []string) {
	status, line, err := s.runCheck(argv, func() {
		s.health.answered(i, false, timedOut, fmt.Sprintf("%s: no answer within %v", argv[0], s.timeout), false)
	})
	switch {
	case errors.Is(err, unix.ECANCELED): // COMMAND has ended
	case errors.Is(err, os.ErrDeadlineExceeded): // see above
	case err != nil:
		s.health.answered(i, false, commandStatus(err), fmt.Sprintf("%s: %v", argv[0], withoutLookup(err)), false)
	case status.Exited() && status.ExitStatus() == 0:
		s.health.answered(i, true, 0, "", true)
	default:
		if line == "" {
			line = argv[0] + ": " + exitText(status)
		}
		code := status.ExitStatus()
		if status.Signaled() {
			code = 128 + int(status.Signal())
		}
		s.health.answered(i, false, code, line, true)
	}
}

// runCheck runs a check and returns its end and the last line that it printed. If it takes
// too long, late is called before its end: even SIGKILL cannot end one that waits for a
// disk or a file server.
func (s *supervisor) runCheck(argv []string, late func()) (status unix.WaitStatus, line string, err error) {
	path, err := lookPath(argv[0])
	if err != nil {
		return 0, "", err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, "", err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	pid, end, err := s.children.start(path, argv, &syscall.ProcAttr{
		Env:   append(without(s.inherited, state.RunDirEnv, state.UnitEnv), state.RunDirEnv+"="+s.runDir, state.UnitEnv+"="+s.unit),
		Files: []uintptr{null.Fd(), w.Fd(), w.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	w.Close()
	if err != nil {
		return 0, "", &exec.Error{Name: argv[0], Err: err}
	}
	var last lastLine
	read := make(chan struct{})
	go func() {
		// Without the file's WriteTo, which would take 32 KiB for each check.
		io.CopyBuffer(&last, struct{ io.Reader }{r}, make([]byte, 512))
		close(read)
	}()
	timeout := time.NewTimer(s.timeout)
	defer timeout.Stop()
	select {
	case status = <-end:
		// What the check has left running may keep its output open.
		r.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		<-read
		return status, last.String(), nil
	case <-timeout.C:
		s.children.kill(pid)
		late()
		<-end
		return 0, "", os.ErrDeadlineExceeded
	}
}

// lastLine keeps the last line that is written to it and is not empty, or its beginning.
type lastLine struct {
	line, next []byte
}

func (l *lastLine) Write(b []byte) (n int, err error) {
	for _, c := range b {
		switch {
		case c != '\n' && len(l.next) < state.ReasonLimit:
			l.next = append(l.next, c)
		case c == '\n' && len(bytes.TrimSpace(l.next)) > 0:
			l.line, l.next = l.next, l.line[:0]
		case c == '\n':
			l.next = l.next[:0]
		}
	}
	return len(b), nil
}

func (l *lastLine) String() string {
	if last := bytes.TrimSpace(l.next); len(last) > 0 {
		return string(last)
	}
	return string(bytes.TrimSpace(l.line))
}
