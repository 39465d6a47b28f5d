// App is an application that uses package writer. Its arguments are steps, which
// it carries out one after the other:
//
//	app RUNDIR UNIT STEP...
//
//	load, set:CODE, set:CODE:REASON, beat, reset   as healthctl does, for itself
//	pid:PID        the following steps are for process PID
//	begin, end     mark the part under test for a tracer, which sees the marks as
//	               system calls; end also marks whether a step in it failed
//	zombie-leader  the first thread exits while the others keep running
//	ready, wait    print a line; wait until standard input is closed
//	sets:CODE:D    set CODE every D until standard input is closed
//	beats          set 0 and beat without pause until standard input is closed
//
// At the end, sets and beats print how many calls succeeded, and how many timed out
// waiting for the lock.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/writer"
)

// Let main run on the first thread, so that zombie-leader can end that thread.
func init() { runtime.LockOSThread() }

type app struct {
	unit   *writer.Unit
	open   func(...writer.Option) *writer.Unit
	failed bool
}

func main() {
	runDir, name := os.Args[1], os.Args[2]
	a := &app{open: func(more ...writer.Option) *writer.Unit {
		u, err := writer.Open(append(more, writer.WithRunDir(runDir), writer.WithName(name))...)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return u
	}}
	a.unit = a.open()
	done := make(chan int)
	zombieLeader := false
	for _, step := range os.Args[3:] {
		zombieLeader = zombieLeader || step == "zombie-leader"
	}
	if !zombieLeader {
		os.Exit(a.run(os.Args[3:]))
	}
	go func() { done <- a.run(os.Args[3:]) }()
	go func() { os.Exit(<-done) }()
	syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0) // ends only this thread
}

func (a *app) run(steps []string) int {
	for _, step := range steps {
		if err := a.step(strings.SplitN(step, ":", 3)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			a.failed = true
		}
	}
	if a.failed {
		return 1
	}
	return 0
}

func (a *app) step(words []string) error {
	switch words[0] {
	case "load":
		return a.unit.Load(context.Background())
	case "set":
		if len(words) > 2 {
			return a.unit.SetReason(number(words[1]), words[2])
		}
		return a.unit.Set(number(words[1]))
	case "beat":
		return a.open().Beat() // a new Unit remembers no heartbeat
	case "reset":
		return a.unit.Reset()
	case "pid":
		a.unit = a.open(writer.WithPid(number(words[1])))
	case "begin":
		a.failed = false
		os.Lstat("faults:begin")
	case "end":
		if a.failed {
			os.Lstat("faults:failed")
		}
		os.Lstat("faults:done")
	case "ready":
		fmt.Println("ready")
	case "wait":
		io.Copy(io.Discard, os.Stdin)
	case "sets":
		pause, err := time.ParseDuration(words[2])
		if err != nil {
			return err
		}
		code := number(words[1])
		return a.repeat(pause, func(int) error { return a.unit.SetReason(code, "code "+words[1]) })
	case "beats":
		return a.repeat(0, func(i int) error {
			if i%2 == 0 {
				return a.unit.Set(0)
			}
			return a.open().Beat()
		})
	}
	return nil
}

// repeat calls call until standard input is closed. It counts lock time-outs and
// returns any other error.
func (a *app) repeat(pause time.Duration, call func(i int) error) error {
	closed := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	succeeded, locked := 0, 0
	defer func() { fmt.Println(succeeded, locked) }()
	for i := 0; ; i++ {
		select {
		case <-closed:
			return nil
		case <-time.After(pause):
		}
		switch err := call(i); {
		case err == nil:
			succeeded++
		case errors.Is(err, writer.ErrLocked):
			locked++
		default:
			return err
		}
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
