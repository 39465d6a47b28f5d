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
//	notify:TEXT    send TEXT to the socket in NOTIFY_SOCKET; before, make the file "said" in
//	               RUNDIR if TEXT is READY=1
//	processes:N    let its parent start a process only while its user has fewer than N, or
//	               as many as it may with N = max
//	floods:N       send WATCHDOG=1 N times from each of 4 threads
//	fds:N:HEX      send these bytes, and N descriptors with them
//	barrier        as systemd-notify does: send BARRIER=1 and a descriptor, and wait until
//	               it is closed
//	obey           carry out what comes as lines from standard input, and print a line
//	               after each: done, or what went wrong
//	awaits:D       wait until the probe would say healthy; after D exit with status 3
//	loses:D        wait until it would say unhealthy, for D at most as well
//
// At the end, sets and beats print how many calls succeeded, and how many timed out
// waiting for the lock.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
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
	"golang.org/x/sys/unix"
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
	case "notify":
		return notify(words[1])
	case "processes":
		return limitParent(words[1])
	case "floods":
		return floods(number(words[1]))
	case "fds":
		text, err := hex.DecodeString(words[2])
		if err != nil {
			return err
		}
		return send(text, number(words[1]))
	case "barrier":
		return barrier()
	case "obey":
		return a.obey()
	case "awaits":
		a.await(words[1], true)
	case "loses":
		a.await(words[1], false)
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

func notify(text string) error {
	if text == "READY=1" {
		if err := os.WriteFile(os.Args[1]+"/said", nil, 0o644); err != nil {
			return err
		}
	}
	return send([]byte(text), 0)
}

// send sends a datagram, and descriptors with it.
func send(text []byte, descriptors int) error {
	var fds []int
	for range descriptors {
		fds = append(fds, 0)
	}
	return sendRights(text, fds)
}

func sendRights(text []byte, fds []int) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	return syscall.Sendmsg(fd, text, rights, &syscall.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}, 0)
}

func limitParent(to string) error {
	var limit unix.Rlimit
	if err := unix.Prlimit(os.Getppid(), unix.RLIMIT_NPROC, nil, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if to != "max" {
		limit.Cur = uint64(number(to))
	}
	return unix.Prlimit(os.Getppid(), unix.RLIMIT_NPROC, &limit, nil)
}

func floods(n int) error {
	errs := make(chan error)
	for range 4 {
		go func() {
			for range n {
				if err := send([]byte("WATCHDOG=1"), 0); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	return errors.Join(<-errs, <-errs, <-errs, <-errs)
}

func barrier() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	err = sendRights([]byte("BARRIER=1"), []int{int(w.Fd())})
	w.Close()
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	return err
}

func (a *app) obey() error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := a.step(strings.SplitN(lines.Text(), ":", 3)); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("done")
		}
	}
	return nil
}

// await ends the application if the unit does not become healthy, or unhealthy, in time.
func (a *app) await(limit string, healthy bool) {
	d, err := time.ParseDuration(limit)
	if err != nil {
		panic(err)
	}
	for end := time.Now().Add(d); (a.unit.Ready() == nil) != healthy; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			os.Exit(3)
		}
	}
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
