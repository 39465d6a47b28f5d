//go:build linux

package docs

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestSecurity: SECURITY.md names the packages of the standard library that have code
// or data in a release, and those that package writer imports. Scanners report the
// vulnerabilities of many others.
func TestSecurity(t *testing.T) {
	dir := t.TempDir()
	if err := testenv.Build(dir, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	std := goList(t, "std")
	const network = `^(net|crypto)(/|$)`
	for _, row := range []struct{ name, pkg, forbidden string }{
		{"healthprobe", "./cmd/healthprobe", `^(net|crypto|encoding|text|archive)(/|$)`},
		{"healthctl", "./cmd/healthctl", `^(net|crypto|encoding|archive)(/|$)`},
		{"package writer", "./writer", network},
	} {
		var contains []string
		if row.pkg == "./writer" {
			contains = slices.DeleteFunc(goList(t, "-f", `{{join .Imports "\n"}}`, row.pkg), func(pkg string) bool { return !slices.Contains(std, pkg) })
		} else {
			contains = linkedPackages(t, filepath.Join(dir, row.name), std)
		}
		for forbidden, packages := range map[string][]string{row.forbidden: contains, network: goList(t, "-deps", row.pkg)} {
			for _, pkg := range packages {
				if regexp.MustCompile(forbidden).MatchString(pkg) {
					t.Errorf("%s contains %s", row.name, pkg)
				}
			}
		}
		line := regexp.MustCompile(`(?m)^\| ` + row.name + ` \| ([^|]*) \|`).FindStringSubmatch(docText(t, "SECURITY.md"))
		if line == nil {
			t.Fatalf("SECURITY.md says nothing of %s", row.name)
		}
		var named []string
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line[1], -1) {
			named = append(named, m[1])
		}
		// Another version of Go, or another architecture, may need a package more or less.
		if strings.HasPrefix(runtime.Version(), "go1.26") && runtime.GOARCH == "amd64" && !slices.Equal(named, contains) {
			t.Errorf("SECURITY.md says that %s contains\n%q, but it is\n%q", row.name, named, contains)
		}
	}
}

// goList returns what go list prints.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// linkedPackages returns the packages of std that have symbols in a program, without
// the internal ones, which no program can import.
func linkedPackages(t *testing.T, program string, std []string) (linked []string) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		// "net/http.(*Client).Get": the package ends at the first dot behind the last
		// slash of what comes before brackets, which may hold types of other packages.
		name, _, _ := strings.Cut(s.Name, "[")
		name, _, _ = strings.Cut(name, "(")
		slash := strings.LastIndex(name, "/") + 1
		pkg, _, found := strings.Cut(name[slash:], ".")
		pkg = name[:slash] + pkg
		if found && slices.Contains(std, pkg) && !regexp.MustCompile(`(^|/)(internal|vendor)(/|$)`).MatchString(pkg) {
			linked = append(linked, pkg)
		}
	}
	slices.Sort(linked)
	return slices.Compact(linked)
}
