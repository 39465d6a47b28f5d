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

// builtVersion is the version that the tests' release builds are given.
const builtVersion = "v0.0.0-tested"

type built struct {
	dir string
	err error
}

// release is what build.sh makes for an architecture.
var release = once(func(goarch string) built {
	dir := filepath.Join(workDir, "release-"+goarch)
	return built{dir, testenv.Build(dir, testenv.Options{Arch: goarch, Version: builtVersion})}
})

// plain is the ordinary Go program, which has the runtime entry.
var plain = sync.OnceValue(func() built {
	dir := filepath.Join(workDir, "plain")
	return built{dir, testenv.Build(dir, testenv.Options{Plain: true})}
})

func (b built) program(t testing.TB, name string) string {
	t.Helper()
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.dir, name)
}

// directEntry is the released healthprobe for this machine.
func directEntry(t testing.TB) string {
	t.Helper()
	testenv.Require(t, testenv.HasDirectEntry(), "there is no direct entry for %s/%s", runtime.GOOS, runtime.GOARCH)
	return release(runtime.GOARCH).program(t, "healthprobe")
}

// An entry is a way to start healthprobe: a program and the arguments before its own.
type entry struct {
	name string
	argv []string
}

// entries are the direct entry, the runtime entry, and the direct entry for arm64 by
// emulation, if this machine can.
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
