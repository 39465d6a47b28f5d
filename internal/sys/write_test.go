//go:build linux

package sys

import (
	"os"
	"testing"
)

// TestWriteFails: Write gives up where nothing can be written.
func TestWriteFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	Write(int(full.Fd()), "text")
}
