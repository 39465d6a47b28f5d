// Package testenv holds what tests need of the machine they run on, and builds
// the programs for them.
package testenv

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// CI reports whether everything has to run, and nothing may be skipped.
func CI() bool { return os.Getenv("CI") == "true" }

// Require skips a test that lacks something, and says what. With CI=true, the test
// fails instead.
func Require(t testing.TB, ok bool, format string, args ...any) {
	t.Helper()
	switch {
	case ok:
	case CI():
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

// WriteProgram writes a program that can be started at once. With os.WriteFile, a process that
// another test starts meanwhile may have the file open for a moment, and execve(2) fails: ETXTBSY.
func WriteProgram(path string, content []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, content, 0o755)
}
