// Package testenv holds what tests need of the machine they run on, and builds
// the programs for them.
package testenv

import (
	"os"
	"os/exec"
	"testing"
)

// Require skips a test that lacks something, and says what. Where everything
// has to run (CI=true), the test fails instead.
func Require(t testing.TB, ok bool, format string, args ...any) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf(format, args...)
	default:
		t.Skipf(format, args...)
	}
}

// LookPath returns the path of a program that a test cannot do without. pkg is
// its Debian package.
func LookPath(t testing.TB, name, pkg string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	Require(t, err == nil, "%v (Debian: %s)", err, pkg)
	return path
}
