//go:build !(linux && amd64)

package faults

import (
	"flag"
	"os"
	"runtime"
	"testing"
)

var _ = flag.Bool("long", false, "no effect here")

func TestFaults(t *testing.T) {
	const why = "faults are injected with ptrace on linux/amd64, and this is "
	if os.Getenv("CI") == "true" {
		t.Fatal(why + runtime.GOOS + "/" + runtime.GOARCH)
	}
	t.Skip(why + runtime.GOOS + "/" + runtime.GOARCH)
}
