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

// action is what the tracer does to a call.
type action struct {
	kind  actionKind
	errno unix.Errno
}

type actionKind int

const (
	proceed   actionKind = iota
	kill                 // the program is killed at this stop
	fail                 // the kernel skips the call, which returns errno
	failAfter            // the kernel carries out the call, but it returns errno
	short                // a write writes only its first byte
)

// tracer runs one program. It calls decide before and after each file-system
// call of the program, which is stopped meanwhile.
type tracer struct {
	argv      []string
	cred      *syscall.Credential
	pid       int                    // the pid that it must get, by way of ns_last_pid; 0: any
	onStart   func(pid int)          // called before the process runs its first instruction
	countFrom func(path string) bool // calls count from the first one whose path this accepts; nil: all count
	decide    func(call) action
}

// traceResult is how a traced program ended.
type traceResult struct {
	status     int    // exit status; -1 if a signal ended it
	mark       string // the last mark before it ended: done, failed, replaced
	output     string // what it wrote to standard error
	hung       bool   // it did not end in time and was killed
	beforeLock bool   // in a race: it was stopped before it ever held the lock
}

// hangTimeout limits a run that must not block. It is generous, because commands
// wait two seconds for a lock and the machine may be busy.
const hangTimeout = 60 * time.Second

// run traces the program to its end. The calling goroutine must be locked to
// its thread, because to the kernel that thread is the tracer.
func (t *tracer) run() (traceResult, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return traceResult{}, err
	}
	defer r.Close()
	pid, err := t.spawn(w.Fd())
	w.Close()
	if err != nil {
		return traceResult{}, err
	}
	p := &tracee{tracer: t, pid: pid, threads: map[int]*pending{pid: nil}, counting: t.countFrom == nil}
	guard := time.AfterFunc(hangTimeout, func() { unix.Kill(pid, unix.SIGKILL) })
	err = p.follow()
	p.end.hung = !guard.Stop()
	output, _ := io.ReadAll(r) // messages are short and fit into the pipe
	p.end.output = string(output)
	return p.end, err
}

// spawn starts the program, stopped, in its own process group. wait then waits
// for all threads of this program and for no other process.
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
		return 0, fmt.Errorf("could not get pid %d again", t.pid)
	}
	return pid, unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEEXEC|unix.PTRACE_O_EXITKILL)
}

// wait waits for the next stop or exit of a thread in process group pid.
func wait(pid int, status *unix.WaitStatus) (tid int, err error) {
	for {
		tid, err = unix.Wait4(-pid, status, unix.WALL, nil)
		if err != unix.EINTR {
			return tid, err
		}
	}
}

// follow handles stops until the program has ended.
func (p *tracee) follow() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // the caller's lock stays
	if p.onStart != nil {
		p.onStart(p.pid)
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
		p.handleStop(tid, status)
	}
}

// isOwnWork returns a filter for the paths at which a command's own work begins,
// after the start of the Go runtime.
func isOwnWork(runDir string) func(string) bool {
	return func(path string) bool {
		return strings.HasPrefix(path, runDir) || isStat(path) || strings.HasSuffix(path, "/boot_id")
	}
}

// isStat reports whether path is /proc/<pid>/stat.
func isStat(path string) bool {
	return strings.HasPrefix(path, "/proc/") && strings.HasSuffix(path, "/stat") && path != "/proc/self/stat"
}
