//go:build linux

package entry

import (
	"fmt"
	"math"
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

// TestArchitecturesInDocs checks what the documentation says of each architecture.
func TestArchitecturesInDocs(t *testing.T) {
	names := archNames()
	last := len(names) - 1
	list := "on Linux for " + strings.Join(names[:last], ", ") + " and " + names[last] + "."
	for _, page := range []string{"docs/limitations.md", "CHANGELOG.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), list) {
			t.Errorf("%s does not say that there is a direct entry %s", page, list)
		}
	}
	rows := documented(t)
	if len(rows) != len(names) {
		t.Errorf("the table in docs/performance.md has %d architectures, and there are %d", len(rows), len(names))
	}
	for _, e := range directEntries(t) {
		row, ok := rows[e.arch.Name]
		if !ok {
			t.Errorf("the table in docs/performance.md lacks %s", e.arch.Name)
			continue
		}
		for i, program := range []string{"healthprobe", "healthctl"} {
			info, err := os.Stat(release(e.arch).program(t, program))
			if err != nil {
				t.Fatal(err)
			}
			mb := float64(info.Size()) / 1e6
			t.Logf("%s: %s has %.2f MB", e.name, program, mb)
			if math.Abs(mb-row[i]) > 0.2 { // another version of Go makes a difference
				t.Errorf("%s: %s has %.2f MB, and docs/performance.md says %.1f", e.name, program, mb, row[i])
			}
		}
		f := newFixture(t, "web")
		for i, flags := range [][]string{f.flags(), f.flags("-max-age", "1h")} {
			calls := 1 + strings.Count(e.trace(t, nil, flags...), ",") + 1 // with execve
			t.Logf("%s: %d system calls", e.name, calls)
			if want := int(row[2+i]); calls != want {
				t.Errorf("%s: %d system calls, and docs/performance.md says %d", e.name, calls, want)
			}
		}
	}
}

// documented reads the table of architectures in docs/performance.md.
func documented(t *testing.T) map[string][4]float64 {
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][4]float64{}
	_, section, _ := strings.Cut(string(page), "\n## Size, and other architectures\n")
	for line := range strings.Lines(section) {
		var name string
		var row [4]float64
		if n, _ := fmt.Sscanf(line, "| %s | %f | %f | %f | %f |", &name, &row[0], &row[1], &row[2], &row[3]); n == 5 {
			rows[name] = row
		}
	}
	return rows
}
