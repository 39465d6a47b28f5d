//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/healthprobe/healthprobe/internal/need"
)

// builtVersion is the version that the tests' release builds are given.
const builtVersion = "v0.0.0-tested"

type built struct {
	dir string
	err error
}

// release runs .ci/build, which is how releases are built, for an architecture.
var release = once(func(goarch string) built {
	dir := filepath.Join(workDir, "release-"+goarch)
	return built{dir, execute("../../.ci/build", []string{"GOOS=linux", "GOARCH=" + goarch, "VERSION=" + builtVersion}, dir)}
})

// plain builds a package with no more than DWARF left out, so that sizes can be
// compared. It gives the runtime door.
var plain = once(func(pkg string) built {
	dir := filepath.Join(workDir, "plain", pkg)
	return built{dir, execute("go", []string{"CGO_ENABLED=0"}, "build", "-trimpath", "-ldflags=-w", "-o", dir+"/", pkg)}
})

func execute(name string, env []string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(append(os.Environ(), "GOFLAGS="), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

func (b built) program(t testing.TB, name string) string {
	t.Helper()
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.dir, name)
}

// directDoor is the released healthprobe for this machine.
func directDoor(t testing.TB) string {
	t.Helper()
	need.That(t, hasDirectDoor, "there is no direct door for %s/%s", runtime.GOOS, runtime.GOARCH)
	return release(runtime.GOARCH).program(t, "healthprobe")
}

const hasDirectDoor = runtime.GOOS == "linux" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64")

// A door is a way to start healthprobe: a program and the arguments before its own.
type door struct {
	name string
	argv []string
}

// doors are the direct door, the runtime door, and the direct door for arm64 by
// emulation, if this machine can.
func doors(t testing.TB) []door {
	t.Helper()
	all := []door{
		{"direct", []string{directDoor(t)}},
		{"runtime", []string{plain(".").program(t, "healthprobe")}},
	}
	if runtime.GOARCH == "arm64" {
		return all
	}
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Logf("the direct door for arm64 is left out: %v", err)
		return all
	}
	return append(all, door{"arm64", []string{qemu, release("arm64").program(t, "healthprobe")}})
}
