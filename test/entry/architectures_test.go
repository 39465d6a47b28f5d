//go:build linux

package entry

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestArchitectures checks that every stub has its line in testenv.Archs, and that
// each of these is compiled with both halves of the direct entry. Others have
// neither half, so build.sh does not ask the linker for the symbol there. And build.sh
// compiles what the other tests check.
func TestArchitectures(t *testing.T) {
	trackSources(t)
	script, err := os.ReadFile("../../build.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"tags=" + directTag, "gcflags=\"" + modulePath + "/...=" + directFlags + "\""} {
		if !strings.Contains(string(script), "\t"+line+"\n") {
			t.Errorf("build.sh has no line %q: the rules are checked for what it does not build", line)
		}
	}
	stubs, err := filepath.Glob(probeDir + "entry_linux_*.s")
	if err != nil {
		t.Fatal(err)
	}
	for _, stub := range stubs {
		if !slices.ContainsFunc(testenv.Archs, func(a testenv.Arch) bool { return stub == probeDir+"entry_linux_"+a.Name+".s" }) {
			t.Errorf("testenv.Archs lacks the architecture of %s", stub)
		}
	}
	check := func(platform, want string) {
		goos, goarch, _ := strings.Cut(platform, "/")
		cmd := exec.Command("go", "list", "-tags="+directTag, "-f", "{{.GoFiles}} {{.SFiles}}", probePackage)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+goos, "GOARCH="+goarch)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(out)); got != want {
			t.Errorf("%s: compiles %s, want %s", platform, got, want)
		}
	}
	for _, name := range archNames() {
		check("linux/"+name, "[age.go command.go entry_linux.go main.go] [entry_linux_"+name+".s]")
	}
	for _, platform := range []string{"linux/mips64le", "linux/ppc64", "darwin/arm64", "freebsd/amd64"} {
		check(platform, "[age.go command.go main.go] []")
	}
}

// archNames returns the architectures by GOARCH, sorted.
func archNames() (names []string) {
	for _, arch := range testenv.Archs {
		names = append(names, arch.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
