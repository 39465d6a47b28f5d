//go:build unix

package main

import (
	"context"
	"errors"
	"testing"

	"github.com/healthprobe/healthprobe/writer"
)

// TestInterruptedBetweenChecks: a signal that comes when no check runs ends load as well,
// with the same error.
func TestInterruptedBetweenChecks(t *testing.T) {
	interrupted := &statusError{errors.New("interrupted by SIGTERM"), 143}
	for name, n := range map[string]int{"before another check": 2, "after the last": 1} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			passes := writer.Check{Name: "passes", Run: func(context.Context) error { cancel(interrupted); return nil }}
			u, err := writer.Open(writer.WithRunDir(t.TempDir()), writer.WithName("web"))
			if err != nil {
				t.Fatal(err)
			}
			err = new(checks).load(ctx, u, nil, []writer.Check{passes, passes}[:n]...)
			if !errors.Is(err, interrupted) || err.Error() != "load web: interrupted by SIGTERM" {
				t.Errorf("got the error %v", err)
			}
		})
	}
}
