//go:build !unix

package writer_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/writer"
)

// TestUnsupported: where there is nothing to record, Open says so.
func TestUnsupported(t *testing.T) {
	u, err := writer.Open(writer.WithName("web"), writer.WithRunDir("/run"))
	if u != nil || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "Unix systems only, not on "+runtime.GOOS) {
		t.Errorf("%v, %v", u, err)
	}
}
