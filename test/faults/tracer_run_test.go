//go:build linux && amd64

package faults

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// action is what happens to a call.
type action struct {
	kind  actionKind
	errno unix.Errno
}

type actionKind int

const (
	proceed  actionKind = iota
	kill                // the program is killed here
	fail                // the call is not carried out and gives errno
	doAndLie            // the call is carried out, but gives errno
	short               // a write of its first byte only
)

// tracer runs one program and asks decide before and after each of its
// file-system calls, while the program stands still.
type tracer struct {
	argv   []string
	cred   *syscall.Credential
	pid    int                    // the pid it has to get, by ns_last_pid; 0: any
	start  func(pid int)          // called when the process exists, before it does anything
	begin  func(path string) bool // counting begins with the first path that this accepts
	decide func(call) action
}

// ending is how a traced program ended.
type ending struct {
	status int    // exit status; -1 if a signal ended it
	mark   string // the last mark before it ended: done, failed, replaced
	output string // what it wrote to standard error
	hung   bool   // it was killed because it did not end
	early  bool   // in a pair: it was stopped before it ever had the lock
}

// hangs bounds a run that must not block. It is generous: a lock is waited for
// two seconds, and the machine may be busy.
const hangs = 60 * time.Second

// run traces the program to its end. The calling goroutine must be locked to
// its thread: to the kernel, that thread is the tracer.
func (t *tracer) run() (ending, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return ending{}, err
	}
	defer r.Close()
	pid, err := t.spawn(w.Fd())
	w.Close()
	if err != nil {
		return ending{}, err
	}
	p := &tracee{tracer: t, pid: pid, threads: map[int]*pending{pid: nil}, counting: t.begin == nil}
	guard := time.AfterFunc(hangs, func() { unix.Kill(pid, unix.SIGKILL) })
	err = p.follow()
	p.end.hung = !guard.Stop()
	output, _ := io.ReadAll(r) // messages are short: the pipe held them all
	p.end.output = string(output)
	return p.end, err
}

// spawn starts the program, stopped, in a process group of its own: by its group
// all its threads, and no other process, can be waited for.
func (t *tracer) spawn(stderr uintptr) (pid int, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Env:   append(os.Environ(), "GOMAXPROCS=2"),
		Files: []uintptr{null.Fd(), null.Fd(), stderr},
		Sys:   &syscall.SysProcAttr{Ptrace: true, Setpgid: true, Credential: t.cred},
	}
	for range 1000 {
		if t.pid != 0 {
			if err := nextPid(t.pid); err != nil {
				return 0, err
			}
		}
		if pid, err = syscall.ForkExec(t.argv[0], t.argv, attr); err != nil {
			return 0, err
		}
		var status unix.WaitStatus
		if _, err := wait(pid, &status); err != nil {
			return 0, err
		}
		if t.pid == 0 || pid == t.pid {
			break
		}
		unix.Kill(pid, unix.SIGKILL) // another thread took the number first
		wait(pid, &status)
	}
	if t.pid != 0 && pid != t.pid {
		return 0, fmt.Errorf("pid %d could not be had again", t.pid)
	}
	return pid, unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEEXEC|unix.PTRACE_O_EXITKILL)
}

func wait(pid int, status *unix.WaitStatus) (tid int, err error) {
	for {
		tid, err = unix.Wait4(-pid, status, unix.WALL, nil)
		if err != unix.EINTR {
			return tid, err
		}
	}
}

func (p *tracee) follow() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // the caller's lock stays
	if p.start != nil {
		p.start(p.pid)
	}
	unix.PtraceSyscall(p.pid, 0)
	for {
		var status unix.WaitStatus
		tid, err := wait(p.pid, &status)
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		if status.Exited() || status.Signaled() {
			if tid == p.pid {
				p.end.status = status.ExitStatus()
				return nil
			}
			delete(p.threads, tid)
			continue
		}
		p.stopped(tid, status)
	}
}

// ofInterest accepts the paths with which a command's own work begins.
func ofInterest(runDir string) func(string) bool {
	return func(path string) bool {
		return strings.HasPrefix(path, runDir) || isStat(path) || strings.HasSuffix(path, "/boot_id")
	}
}

// isStat accepts /proc/<pid>/stat.
func isStat(path string) bool {
	return strings.HasPrefix(path, "/proc/") && strings.HasSuffix(path, "/stat") && path != "/proc/self/stat"
}
