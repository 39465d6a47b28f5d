package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// terminal is the controlling terminal. Its foreground process group is the one that it
// lets read, and that it sends the signals of ^C and ^Z. A nil terminal is none.
type terminal struct{ fd int }

func openTerminal() *terminal {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &terminal{fd}
}

// give gives the terminal to another process group, if it is ours.
func (t *terminal) give(group int) {
	if t != nil && t.foreground() == unix.Getpgrp() {
		t.setForeground(group)
	}
}

// takeBack makes our process group the foreground, if it is one of ours that is now: that
// of COMMAND. If it is another, a shell has given the terminal away meanwhile.
func (t *terminal) takeBack(group int) {
	if t != nil && t.foreground() == group {
		t.setForeground(unix.Getpgrp())
	}
}

func (t *terminal) foreground() int {
	group, err := unix.IoctlGetUint32(t.fd, unix.TIOCGPGRP) // a pid_t has 32 bits
	if err != nil {
		return -1
	}
	return int(group)
}

// setForeground is tcsetpgrp(3). From a background process group the kernel answers with
// SIGTTOU, unless the calling thread blocks it: with a handler, such as that of package
// os/signal, it would interrupt and restart the call for ever.
func (t *terminal) setForeground(group int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, block unix.Sigset_t
	block.Val[0] = 1 << (unix.SIGTTOU - 1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &block, &old) != nil {
		return
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) // best effort: the terminal may be gone
}
