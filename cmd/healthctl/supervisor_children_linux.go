package main

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// children are the processes that the supervisor has started besides COMMAND. Its loop
// reaps all, and hands the result of each to whoever has started it.
type children struct {
	mu      sync.Mutex
	waiting map[int]chan unix.WaitStatus
	closed  bool
}

// start starts a program. Its end comes through the channel.
func (c *children) start(path string, argv []string, attr *syscall.ProcAttr) (pid int, end <-chan unix.WaitStatus, err error) {
	c.mu.Lock() // so that it is known before it can end
	defer c.mu.Unlock()
	if c.closed {
		return 0, nil, unix.ECANCELED
	}
	pid, err = syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, nil, err
	}
	done := make(chan unix.WaitStatus, 1)
	if c.waiting == nil {
		c.waiting = map[int]chan unix.WaitStatus{}
	}
	c.waiting[pid] = done
	return pid, done, nil
}

// ended is told of any child that has ended. What nobody waits for is an orphan.
func (c *children) ended(pid int, status unix.WaitStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, ok := c.waiting[pid]; ok {
		done <- status
		delete(c.waiting, pid)
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
// whether there are other children.
func (c *children) end() (left bool) {
	c.mu.Lock()
	c.closed = true
	for pid := range c.waiting {
		killGroup(pid)
	}
	options := 0
	for {
		if len(c.waiting) == 0 {
			options = unix.WNOHANG
		}
		c.mu.Unlock()
		pid, err := unix.Wait4(-1, nil, options, nil)
		if err != unix.EINTR && pid <= 0 {
			return pid == 0
		}
		c.ended(pid, unix.WaitStatus(unix.SIGKILL))
		c.mu.Lock()
	}
}

// killGroup kills a process and its group: it may have gone to another one.
func killGroup(pid int) {
	unix.Kill(-pid, unix.SIGKILL)
	unix.Kill(pid, unix.SIGKILL)
}
