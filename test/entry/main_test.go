//go:build linux

package entry

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// workDir contains the built programs and the run directories. Its mode is 0755,
// because some tests run the probe as another user.
var workDir string

func TestMain(m *testing.M) {
	switch how := os.Getenv(reexecEnv); how {
	case "":
		os.Exit(run(m))
	case "application":
		application()
	default:
		fmt.Fprintln(os.Stderr, reexec(how, os.Args[1:]))
		os.Exit(125)
	}
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

// newDir creates a directory in workDir and returns its path. t.TempDir would
// not do: other users may not enter its directories.
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

// memoize returns a function that calls f once for each argument and remembers
// what it returned.
func memoize[A comparable, R any](f func(A) R) func(A) R {
	var all sync.Map
	return func(a A) R {
		get, _ := all.LoadOrStore(a, sync.OnceValue(func() R { return f(a) }))
		return get.(func() R)()
	}
}
