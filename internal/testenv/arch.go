package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Arch is an architecture that has a direct entry on Linux.
type Arch struct {
	Name     string // GOARCH
	ARM      string // GOARM, or "" where it does not apply
	emulator string // its program of Debian's qemu-user-static, and arguments
}

// Archs are all of them. It is the one list of the project: tests hold the stubs,
// the builds and the documentation against it.
var Archs = []Arch{
	{"amd64", "", "qemu-x86_64-static"},
	{"arm64", "", "qemu-aarch64-static"},
	{"386", "", "qemu-i386-static"},
	{"arm", "7", "qemu-arm-static -cpu cortex-a7"},
	{"arm", "6", "qemu-arm-static -cpu arm1176"},
	{"arm", "5", "qemu-arm-static -cpu arm926"},
	{"loong64", "", "qemu-loongarch64-static"},
	{"ppc64le", "", "qemu-ppc64le-static"},
	{"riscv64", "", "qemu-riscv64-static"},
	{"s390x", "", "qemu-s390x-static"},
}

// String returns the name of a, which for arm includes the variant as Docker has it.
func (a Arch) String() string {
	if a.ARM != "" {
		return a.Name + "v" + a.ARM
	}
	return a.Name
}

// Env returns the variables that make the go command build for a.
func (a Arch) Env() []string { return []string{"GOARCH=" + a.Name, "GOARM=" + a.ARM} }

// Tested returns those that the tests cover: all with CI=true. On a developer's
// machine, where go test has to be quick, they are the machine's own and arm64.
// Where the programs were built before, it is the machine's own.
func Tested() []Arch {
	switch {
	case os.Getenv(PrebuiltEnv) != "":
		own := slices.DeleteFunc(slices.Clone(Archs), func(a Arch) bool { return a.Name != runtime.GOARCH })
		return own[:min(1, len(own))] // of arm, the newest
	case os.Getenv("CI") == "true":
		return Archs
	}
	return slices.DeleteFunc(slices.Clone(Archs), func(a Arch) bool { return a.Name != runtime.GOARCH && a.Name != "arm64" })
}

// HasDirectEntry reports whether the machine that runs the tests has one.
func HasDirectEntry() bool {
	return runtime.GOOS == "linux" && slices.ContainsFunc(Archs, func(a Arch) bool { return a.Name == runtime.GOARCH })
}

// Native reports whether this machine runs the architecture's programs itself.
func (a Arch) Native() bool {
	return a.Name == runtime.GOARCH || a.Name == "386" && runtime.GOARCH == "amd64"
}

// Emulate returns the command that runs a program of the architecture; its arguments
// follow. It is an error if the emulator is not installed.
func (a Arch) Emulate(program string) ([]string, error) {
	if a.Native() {
		return []string{program}, nil
	}
	emulator := strings.Fields(a.emulator)
	path, err := exec.LookPath(emulator[0])
	if err != nil {
		return nil, fmt.Errorf("%w (Debian: qemu-user-static)", err)
	}
	return append(append([]string{path}, emulator[1:]...), program), nil
}

// Command is Emulate for a test. Without CI=true it returns nil where the emulator is
// not installed, and the test's log says so.
func (a Arch) Command(t testing.TB, program string) []string {
	t.Helper()
	argv, err := a.Emulate(program)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Logf("%s is left out: %v", a, err)
	}
	return argv
}
