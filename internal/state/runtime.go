//go:build !healthprobe_direct

package state

// noRuntime is false in an ordinary program. There the scheduler has to know of a
// system call that may take its time: on a slow file system it would wait for this
// goroutine, and the whole program for the scheduler.
const noRuntime = false
