// Package sys makes the system calls of the probe. There are three of each, and
// one test for all of them, testdata/script:
//
//   - direct_linux.go goes straight to the kernel, for the direct entry of
//     healthprobe, where the Go runtime has not started. Only build.sh sets its build
//     tag, healthprobe_direct, and only for that program.
//   - unix.go calls golang.org/x/sys/unix, for every other program on Unix:
//     applications that import package writer, healthctl, the runtime entry.
//   - other.go fails, for applications that are also built for other systems.
//
// A path is a pointer to its first byte and ends with a NUL. An error is a number,
// 0 for none. A call that a signal interrupts is made again.
package sys

// Time is a point in time: seconds and nanoseconds after 1970, in UTC. It has the
// layout of the kernel's struct __kernel_timespec, which is the same on all
// architectures.
type Time struct{ Sec, Nsec int64 }
