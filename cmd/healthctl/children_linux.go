package main

import "golang.org/x/sys/unix"

// reaper returns a function that reaps the children that have ended by then. Call
// reaper before anything is started: a child that this process has already is
// one of the script that has become healthctl, and so of the application that
// healthctl becomes, which may wait for its exit status. Then nothing is reaped,
// because there is no way to wait for all other children only.
func reaper() func() {
	for {
		// WNOWAIT: look, but leave a zombie as it is.
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		switch err {
		case unix.EINTR:
			continue
		case unix.ECHILD:
			return reap
		}
		return func() {}
	}
}

func reap() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && err != unix.EINTR {
			return
		}
	}
}
