//go:build unix

package writer_test

import (
	"testing"

	"github.com/healthprobe/healthprobe/writer"
)

// TestOpenOwner: a unit speaks for one process or for any, not for both.
func TestOpenOwner(t *testing.T) {
	if _, err := writer.Open(writer.WithName("web"), writer.WithPid(1), writer.WithAnyOwner()); err == nil {
		t.Error("WithPid and WithAnyOwner were combined")
	}
}
