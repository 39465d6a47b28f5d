package main

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// children are the processes that the supervisor has started besides COMMAND. Its loop
// reaps all, and hands the result of each to whoever has started it.
type children struct {
	mu       sync.Mutex
	starting int                     // how many are being started
	ended    map[int]unix.WaitStatus // that ended while some were being started
	waiting  map[int]chan unix.WaitStatus
	closed   bool
}

// start starts a program. Its end comes through the channel.
func (c *children) start(path string, argv []string, attr *syscall.ProcAttr) (pid int, end <-chan unix.WaitStatus, err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, nil, unix.ECANCELED
	}
	c.starting++
	c.mu.Unlock()
	pid, err = syscall.ForkExec(path, argv, attr) // without the lock: execve may wait for a file server

	c.mu.Lock()
	defer c.mu.Unlock()
	status, ended := c.ended[pid]
	if c.starting--; c.starting == 0 {
		c.ended = nil
	}
	if err != nil {
		return 0, nil, err
	}
	done := make(chan unix.WaitStatus, 1)
	if ended {
		done <- status
		return pid, done, nil
	}
	if c.waiting == nil {
		c.waiting = map[int]chan unix.WaitStatus{}
	}
	c.waiting[pid] = done
	if c.closed {
		killGroup(pid)
	}
	return pid, done, nil
}

// note is told of any child that has ended. What nobody waits for is an orphan, or is
// just being started.
func (c *children) note(pid int, status unix.WaitStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, ok := c.waiting[pid]; ok {
		done <- status
		delete(c.waiting, pid)
	} else if c.starting > 0 {
		if c.ended == nil {
			c.ended = map[int]unix.WaitStatus{}
		}
		c.ended[pid] = status
	}
}

// kill kills a child's process group, if it has not ended.
func (c *children) kill(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.waiting[pid]; ok {
		killGroup(pid)
	}
}

// end kills all of them, lets none start, and reaps whatever has ended. left reports
// whether there are other children. It gives up after a second: one that waits for a disk
// or a file server cannot be killed.
func (c *children) end() (left bool) {
	for start := time.Now(); time.Since(start) < time.Second; {
		busy := c.killAll()
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case pid > 0:
			c.note(pid, unix.WaitStatus(unix.SIGKILL))
		case err == unix.EINTR:
		case err != nil: // ECHILD
			return false
		case !busy:
			return true
		default:
			time.Sleep(time.Millisecond)
		}
	}
	return false
}

// killAll kills all of them, lets none start, and reports whether there are some.
func (c *children) killAll() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for pid := range c.waiting {
		killGroup(pid)
	}
	return len(c.waiting)+c.starting > 0
}

// killGroup kills a process and its group: it may have gone to another one.
func killGroup(pid int) {
	unix.Kill(-pid, unix.SIGKILL)
	unix.Kill(pid, unix.SIGKILL)
}
