//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// untilInterrupted returns a context that ends when somebody tells this process to end: by
// HUP, INT, QUIT or TERM, but for those that are ignored. Its cause is then the error
// for main. Without it, these signals end the process at once and leave a check
// running. For pid 1 the kernel ignores their default action, and the Go runtime then
// exits with status 2, which is that of wrong usage.
//
// stop restores the default action, and returns the error if a signal came before.
func untilInterrupted(parent context.Context) (ctx context.Context, stop func() error) {
	ctx, cancel := context.WithCancelCause(parent)
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	for _, s := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
		if ignoredAtStart(s) {
			signal.Ignore(s)
		} else {
			signal.Notify(signals, s)
		}
	}
	var interrupted error
	go func() {
		if s, ok := (<-signals).(syscall.Signal); ok {
			interrupted = &statusError{fmt.Errorf("interrupted by %s", unix.SignalName(s)), 128 + int(s)}
			cancel(interrupted)
		}
		close(done)
	}()
	return ctx, func() error {
		signal.Stop(signals)
		close(signals)
		<-done
		return interrupted
	}
}
