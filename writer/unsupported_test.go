//go:build !unix

package writer_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/writer"
)

// TestUnsupported: where there is nothing to record, Open says so, and the nil Unit
// that it returns works.
func TestUnsupported(t *testing.T) {
	u, err := writer.Open(writer.WithName("web"), writer.WithRunDir("/run"))
	if u != nil || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "Unix systems only, not on "+runtime.GOOS) {
		t.Errorf("%v, %v", u, err)
	}
	refused := writer.Check{Name: "no", Run: func(context.Context) error { return writer.ErrUnhealthy }}
	if err := u.Load(t.Context(), refused); !errors.Is(err, writer.ErrUnhealthy) {
		t.Errorf("load: %v", err)
	}
	if err := errors.Join(u.Load(t.Context()), u.Set(0), u.SetReason(3, "db"), u.Beat(), u.Reset()); err != nil {
		t.Error(err)
	}
	for _, err := range []error{u.Ready(), u.Live()} {
		var unhealthy *writer.Unhealthy
		if !errors.As(err, &unhealthy) || unhealthy.Cause != "not-loaded" {
			t.Errorf("%v", err)
		}
	}
}
