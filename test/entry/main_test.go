//go:build linux

package entry

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
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

// built is the outcome of one build of the two programs.
type built struct {
	dir string
	err error
}

// release builds both programs for an architecture with build.sh, once.
var release = memoize(func(arch testenv.Arch) built {
	dir := filepath.Join(workDir, "release-"+arch.String())
	return built{dir, testenv.Build(dir, testenv.Options{Arch: arch})}
})

// plain builds both programs with go build, once: healthprobe has the runtime entry.
var plain = sync.OnceValue(func() built {
	dir := filepath.Join(workDir, "plain")
	return built{dir, testenv.Build(dir, testenv.Options{Plain: true})}
})

// program returns the path of healthprobe or healthctl. It fails the test if the
// build failed.
func (b built) program(t testing.TB, name string) string {
	t.Helper()
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.dir, name)
}

// directEntry returns the path of the released healthprobe for this machine.
func directEntry(t testing.TB) string {
	t.Helper()
	for _, arch := range testenv.Archs {
		if arch.Name == runtime.GOARCH {
			return release(arch).program(t, "healthprobe")
		}
	}
	testenv.Require(t, false, "there is no direct entry for %s/%s", runtime.GOOS, runtime.GOARCH)
	return ""
}

// needsAll skips a test that compiles much of the standard library for an architecture or
// a mode that nothing else needs, where not all of them are tested.
func needsAll(t *testing.T) {
	t.Helper()
	if len(testenv.Tested()) < len(testenv.Archs) {
		t.Skip("compiles too much for here; CI=true runs it")
	}
}

// trackSources is for tests that run the go command themselves.
func trackSources(t testing.TB) {
	t.Helper()
	if err := testenv.TrackSources(); err != nil {
		t.Fatal(err)
	}
}

// entry is a build of healthprobe, by the entry it has. argv is the command that
// runs it, to which the arguments are appended.
type entry struct {
	name     string
	argv     []string
	arch     testenv.Arch
	emulated bool // by qemu-user
}

// entries returns the direct entry, the runtime entry and the direct entries of the
// other architectures.
func entries(t testing.TB) []entry {
	t.Helper()
	all := []entry{
		{name: "direct", argv: []string{directEntry(t)}},
		{name: "runtime", argv: []string{plain().program(t, "healthprobe")}},
	}
	for _, e := range directEntries(t) {
		if e.arch.Name != runtime.GOARCH {
			all = append(all, e)
		}
	}
	return all
}

// directEntries returns the direct entries that this machine can run, each with the
// name of its architecture.
func directEntries(t testing.TB) (all []entry) {
	t.Helper()
	for _, arch := range testenv.Tested() {
		if argv := arch.Command(t, release(arch).program(t, "healthprobe")); argv != nil {
			all = append(all, entry{arch.String(), argv, arch, !arch.Native()})
		}
	}
	return all
}
