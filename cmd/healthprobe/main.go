//go:build unix

// Healthprobe is an exec probe for containers without a shell: it checks that
// the unit's process is alive and its error code is 0. Exit status 0 is
// healthy, 1 is unhealthy or wrong usage, and there is no other.
//
// The binary has two entries into one implementation (command.go). This is the
// runtime entry, an ordinary Go program. The direct entry, which never starts
// the Go runtime, is in entry_linux.go.
package main

import "os"

func main() {
	cmd.entry = "runtime"
	for _, entry := range os.Environ() {
		cmd.Env(entry)
	}
	for i, arg := range os.Args {
		if i > 0 {
			cmd.Arg(arg)
		}
	}
	os.Exit(cmd.Run())
}

// cmd is a variable because the direct entry has no heap, and its buffers are too large
// for a small stack. Its initial value is the direct entry's: main never runs there.
var cmd = command{entry: "direct"}
