// Launch runs programs in turn and prints for each run how long it took and the
// page faults that the kernel counted:
//
//	launch fork|vfork TURNS -- PROGRAM [ARG]... [-- PROGRAM [ARG]...]...
//	0 211040 24
//
// means that the first program took 211,040 ns and 24 minor page faults. In its
// turn a program runs 8 times in a row, of which the last 4 count. So each counted
// run follows one of the same program, since a heavy program slows down whatever
// runs after it. Every turn begins with another program. The programs inherit the
// environment and descriptors of launch.
//
// Launch starts them by fork(2) or vfork(2) and then execve(2), without package
// os, whose own work would be added to every time and bring the ratios closer to
// 1. fork, which a shell or a container runtime uses, copies the launcher's page
// tables and drops them again. vfork borrows them, so that hardly any cost of the
// launcher remains in the time.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	inARow  = 8
	counted = 4
)

// spawn starts a program and returns its pid, or a negative error number. It is in
// spawn_linux_amd64.s.
func spawn(call int, path *byte, argv, env **byte) (pid int)

var calls = map[string]int{"fork": syscall.SYS_FORK, "vfork": syscall.SYS_VFORK}

type program struct {
	argv, env []*byte
}

type run struct {
	program int
	took    time.Duration
	faults  int64
}

func main() {
	if err := launch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
}

func launch(args []string) error {
	if len(args) < 4 || calls[args[0]] == 0 || args[2] != "--" {
		return errors.New("usage: launch fork|vfork TURNS -- PROGRAM [ARG]... [-- PROGRAM [ARG]...]...")
	}
	turns, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	programs, err := parse(args[3:])
	if err != nil {
		return err
	}
	runs := make([]run, 0, turns*len(programs)*counted)
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	for turn := range turns {
		for i := range programs {
			i := (i + turn) % len(programs)
			for n := range inARow {
				r, err := programs[i].run(calls[args[0]])
				if err != nil {
					return fmt.Errorf("program %d: %w", i, err)
				}
				if r.program = i; n >= inARow-counted {
					runs = append(runs, r)
				}
			}
		}
	}
	out := bufio.NewWriter(os.Stdout)
	for _, r := range runs {
		fmt.Fprintln(out, r.program, r.took.Nanoseconds(), r.faults)
	}
	return out.Flush()
}

// parse returns the programs, separated by "--", in the form that execve takes.
func parse(args []string) (programs []program, err error) {
	env, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return nil, err
	}
	for {
		end := slices.Index(args, "--")
		last := end < 0
		if last {
			end = len(args)
		}
		argv, err := syscall.SlicePtrFromStrings(args[:end])
		if err != nil {
			return nil, err
		}
		programs = append(programs, program{argv, env})
		if last {
			return programs, nil
		}
		args = args[end+1:]
	}
}

func (p program) run(call int) (r run, err error) {
	var status syscall.WaitStatus
	var usage syscall.Rusage
	begin := time.Now()
	pid := spawn(call, p.argv[0], &p.argv[0], &p.env[0])
	if pid < 0 {
		return r, syscall.Errno(-pid)
	}
	e := wait(pid, &status, &usage)
	r.took = time.Since(begin)
	if e != 0 {
		return r, e
	}
	if status != 0 {
		return r, fmt.Errorf("ended with wait status %#x", uint32(status))
	}
	r.faults = usage.Minflt
	return r, nil
}

// wait calls wait4(2) without telling the scheduler, which would otherwise move
// goroutines to another thread at some time during the measurement.
func wait(pid int, status *syscall.WaitStatus, usage *syscall.Rusage) syscall.Errno {
	for {
		_, _, e := syscall.RawSyscall6(syscall.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(status)), 0,
			uintptr(unsafe.Pointer(usage)), 0, 0)
		if e != syscall.EINTR {
			return e
		}
	}
}
