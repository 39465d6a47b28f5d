// App is an application that uses package writer and does what its arguments
// say, one step after the other:
//
//	app RUNDIR UNIT STEP...
//
//	load, set:CODE, set:CODE:REASON, beat, reset   what they say, for itself
//	pid:PID                                        from here on for that process
//	begin, end     tell a tracer, by a call that it sees, that the part of
//	               interest begins or is over, and whether a step in it failed
//	leaderless     the first thread ends while the others live
//	ready, wait    print a line; wait until standard input is closed
//	sets:CODE:D    set CODE every D until standard input is closed
//	beats          set 0 and beat at full speed until standard input is closed
//
// sets and beats end by printing how often they worked, and how often the lock
// could not be had.
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

// The first thread is the one that runs main, so that leaderless can end it.
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
	leaderless := false
	for _, step := range os.Args[3:] {
		leaderless = leaderless || step == "leaderless"
	}
	if !leaderless {
		os.Exit(a.run(os.Args[3:]))
	}
	go func() { done <- a.run(os.Args[3:]) }()
	go func() { os.Exit(<-done) }()
	syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0) // of this thread only
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
		return a.unit.Beat()
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
			return a.unit.Beat()
		})
	}
	return nil
}

// repeat calls until standard input is closed. Lock time-outs are counted, any
// other error ends it.
func (a *app) repeat(pause time.Duration, call func(i int) error) error {
	closed := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	worked, locked := 0, 0
	defer func() { fmt.Println(worked, locked) }()
	for i := 0; ; i++ {
		select {
		case <-closed:
			return nil
		case <-time.After(pause):
		}
		switch err := call(i); {
		case err == nil:
			worked++
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
