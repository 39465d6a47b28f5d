//go:build linux

package entry

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// workDir holds what the tests build and the unit directories. Everyone may
// enter it: some tests run the probe as another user.
var workDir string

func TestMain(m *testing.M) {
	if become := os.Getenv(becomeEnv); become != "" {
		fmt.Fprintln(os.Stderr, becomeProbe(become, os.Args[1:]))
		os.Exit(125)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "healthprobe-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	workDir = dir
	return m.Run()
}

// newDir gives a directory of its own in workDir; t.TempDir gives one that
// other users cannot enter.
func newDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(workDir, "")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// once remembers the result of f for each argument.
func once[A comparable, R any](f func(A) R) func(A) R {
	var all sync.Map
	return func(a A) R {
		get, _ := all.LoadOrStore(a, sync.OnceValue(func() R { return f(a) }))
		return get.(func() R)()
	}
}
