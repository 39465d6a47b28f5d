//go:build linux

package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// usage is what a process uses of the system while it runs.
type usage struct {
	calls   int // system calls of all its threads, execve included
	threads int
	peakKB  int // resident memory, VmHWM
	faults  int // page faults after execve, if it has one thread
}

// ptrace runs a program under ptrace(2) and returns what it used. The tracer is
// stopped at each system call, and once more when the process exits, while its
// peak memory can still be read. wait4's ru_maxrss would not do: it includes what
// the process had before execve.
func ptrace(t testing.TB, env []string, argv ...string) (u usage) {
	t.Helper()
	runtime.LockOSThread() // ptrace(2) accepts requests from one thread only
	defer runtime.UnlockOSThread()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	wait := func(pid int) (tid int, status unix.WaitStatus) {
		for {
			tid, err := unix.Wait4(pid, &status, unix.WALL, nil)
			if err != unix.EINTR {
				testenv.Require(t, err == nil, "wait4: %v", err)
				return tid, status
			}
		}
	}
	if _, status := wait(pid); !status.Stopped() { // at its execve
		t.Fatalf("%v ended before its first instruction: %#x", argv, status)
	}
	err = unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEEXIT|unix.PTRACE_O_EXITKILL)
	if err != nil {
		t.Fatal(err)
	}
	u = usage{calls: 1, threads: 1, faults: -faults(t, pid)}
	inside := map[int]bool{} // threads that are in a system call
	resume := func(tid int, signal unix.Signal) {
		// ESRCH: another thread has ended the process meanwhile.
		if err := unix.PtraceSyscall(tid, int(signal)); err != nil && err != unix.ESRCH {
			t.Fatal(err)
		}
	}
	for resume(pid, 0); ; {
		tid, status := wait(-1)
		signal := unix.Signal(0)
		switch {
		case status.Exited() || status.Signaled():
			if tid != pid {
				continue
			}
			if status.ExitStatus() != 0 {
				t.Fatalf("%v: ended with %#x", argv, status)
			}
			return u
		case status.StopSignal() == unix.SIGTRAP|0x80:
			if inside[tid] = !inside[tid]; inside[tid] {
				u.calls++
			}
		case status.TrapCause() == unix.PTRACE_EVENT_CLONE:
			u.threads++
		case status.TrapCause() == unix.PTRACE_EVENT_EXIT:
			u.peakKB = max(u.peakKB, peak(t, pid))
			if tid == pid {
				u.faults += faults(t, pid)
			}
		case status.StopSignal() != unix.SIGSTOP && status.StopSignal() != unix.SIGTRAP:
			signal = status.StopSignal() // a new thread begins with SIGSTOP
		}
		resume(tid, signal)
	}
}

// peak returns the peak resident memory of a process, VmHWM.
func peak(t testing.TB, pid int) (kb int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	fmt.Sscan(after, &kb)
	return kb
}

// faults returns how many page faults a process has had, minflt and majflt.
func faults(t testing.TB, pid int) (n int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')'):])) // the first is field 2
	for _, field := range []int{10, 12} {
		more, err := strconv.Atoi(fields[field-2])
		if err != nil {
			t.Fatal(err)
		}
		n += more
	}
	return n
}
