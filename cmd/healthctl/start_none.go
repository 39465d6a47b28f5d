//go:build unix && !(linux && healthctl_start && (amd64 || arm64) && !race && !msan && !asan)

package main

import (
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// Without the start symbol (start_linux.go) nobody knows any more how the process was
// started.

// signalsNote is what exec -h says about it.
const signalsNote = `In this build, of the signals that are ignored only HUP, INT, CONT, TSTP, TTIN, TTOU
and 34 stay ignored for COMMAND. In a release for Linux on amd64 or arm64 all do.
`

func restoreStart() {}

// ignoredAtStart reports whether the process was started with a signal ignored. Of HUP
// and INT the Go runtime knows, and leaves them so.
func ignoredAtStart(s syscall.Signal) bool { return signal.Ignored(s) }

func signalsAtStart() string {
	var ignored []string
	for s := range syscall.Signal(65) {
		if s > 0 && ignoredAtStart(s) {
			ignored = append(ignored, strconv.Itoa(int(s)))
		}
	}
	return strings.Join(ignored, ",")
}

func adoptSignals(description string) {
	for s := range strings.SplitSeq(description, ",") {
		if n, err := strconv.Atoi(s); err == nil {
			signal.Ignore(syscall.Signal(n))
		}
	}
}

func closedAtStart(int) bool { return false }
