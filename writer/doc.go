// Package writer records a Go application's health, for healthprobe to read.
//
// # Calls in order
//
// Load runs the startup checks and, if all pass, records the process.
// Set(0), just before the main loop, reports no error: only now is the unit
// healthy. Set with any other code, at any time, reports an error, and Set(0)
// again that the application has recovered. Beat reports that the loop still
// makes progress; a loop that may be idle for long beats then, too. Reset, last in the shutdown, removes the unit's files.
//
//	u, err := writer.Open()
//	if err != nil { ... }
//	if err := u.Load(ctx, checks...); err != nil { ... }
//	defer u.Reset()
//	if err := u.Set(0); err != nil { ... }
//	for work := range queue {
//		work()
//		u.Beat()
//	}
//
// A kubelet or a container engine runs healthprobe in the container: with -live
// for the liveness probe (is the process there, and with -max-age, does its
// loop make progress?), without it for the readiness probe (is its code 0 as
// well?).
//
// # What is promised
//
// No readiness probe ever says healthy for a process that has not called Set(0) since
// its own Load: not after a crash at any point, not on a full disk, not with state
// that a previous process with the same pid left behind. And while a process is
// loaded and its last code was 0, no number of Set(0) and Beat calls makes a
// probe say unhealthy.
//
// The state is kept in files below a directory such as /run/web. Every change takes
// the directory's lock for a few system calls, and waits for it up to 2 seconds. The
// files describe running processes and are never synced to disk:
// after a power loss they mean nothing, and a file cut short by one is
// malformed, so unhealthy. The package starts no goroutine and keeps no file
// open between calls.
//
// Ready and Live give the probe's answer to the application itself, for its own
// /readyz and for tests. An application that goes on without its unit calls all of
// this on the nil *Unit, which records nothing.
//
// Errors say which unit and file they are about, what the file held, and what
// to do. The process should run in one pid namespace with its probe, as it does
// in a container.
package writer
