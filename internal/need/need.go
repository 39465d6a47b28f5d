// Package need says what happens to a test that this machine cannot run.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// That skips a test that lacks something, and says what. Where everything has
// to run, as CI=true says, the test fails instead.
func That(t testing.TB, ok bool, format string, args ...any) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf(format, args...)
	default:
		t.Skipf(format, args...)
	}
}

// Program finds a program in PATH that a test cannot do without. pkg is its
// Debian package.
func Program(t testing.TB, name, pkg string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	That(t, err == nil, "%v (Debian: %s)", err, pkg)
	return path
}
