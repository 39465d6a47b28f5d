//go:build linux

package entry

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// builtVersion is the version of the tests' release builds.
const builtVersion = "v0.0.0-tested"

// built is the outcome of one build of the two programs.
type built struct {
	dir string
	err error
}

// release builds both programs for an architecture with build.sh, once.
var release = memoize(func(goarch string) built {
	dir := filepath.Join(workDir, "release-"+goarch)
	return built{dir, testenv.Build(dir, testenv.Options{Arch: goarch, Version: builtVersion})}
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
	testenv.Require(t, testenv.HasDirectEntry(), "there is no direct entry for %s/%s", runtime.GOOS, runtime.GOARCH)
	return release(runtime.GOARCH).program(t, "healthprobe")
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
	name string
	argv []string
}

// entries returns the direct entry, the runtime entry and, where qemu-user can
// emulate it, the direct entry for arm64.
func entries(t testing.TB) []entry {
	t.Helper()
	all := []entry{
		{"direct", []string{directEntry(t)}},
		{"runtime", []string{plain().program(t, "healthprobe")}},
	}
	if runtime.GOARCH == "arm64" {
		return all
	}
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Logf("the direct entry for arm64 is left out: %v", err)
		return all
	}
	return append(all, entry{"arm64", []string{qemu, release("arm64").program(t, "healthprobe")}})
}
