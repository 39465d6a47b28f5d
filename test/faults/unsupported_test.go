//go:build !(linux && amd64)

package faults

import (
	"flag"
	"runtime"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

var (
	_ = flag.Bool("long", false, "no effect here")
	_ = flag.Bool("every", false, "no effect here")
)

func TestFaults(t *testing.T) {
	testenv.Require(t, false, "fault injection needs ptrace on linux/amd64, and this is %s/%s", runtime.GOOS, runtime.GOARCH)
}
