package main

import "golang.org/x/sys/unix"

// hasChildren reports whether this process has children. Before it has started
// any, they are those of the script that became healthctl by exec: the
// application that healthctl becomes may want their exit statuses, and there is
// no way to wait for all children but those.
func hasChildren() bool {
	for {
		// WNOWAIT: look, but leave a zombie as it is.
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err != unix.ECHILD
		}
	}
}

// reap reaps the children that have exited so far.
func reap() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if pid <= 0 && err != unix.EINTR {
			return
		}
	}
}
