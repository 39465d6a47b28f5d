//go:build linux

package entry

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestBinary checks the released healthprobe as an ELF file, for both architectures.
func TestBinary(t *testing.T) {
	for _, goarch := range architectures {
		t.Run(goarch, func(t *testing.T) {
			path := release(goarch).program(t, "healthprobe")
			file, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			symbols, err := file.Symbols() // govulncheck reads them
			if err != nil {
				t.Fatal(err)
			}
			// ABI0 is what Go calls assembly; there is a wrapper without the suffix.
			direct := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == "main.direct.abi0" })
			if direct < 0 || symbols[direct].Value != file.Entry {
				t.Errorf("the entry point %#x is not main.direct.abi0", file.Entry)
			}
			if file.Type != elf.ET_EXEC {
				t.Errorf("is of type %v: a scratch image has no loader that could relocate it", file.Type)
			}
			for _, segment := range file.Progs {
				if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
					t.Errorf("has a segment %v: a scratch image has no loader", segment.Type)
				}
			}
			for _, section := range file.Sections {
				if strings.HasPrefix(section.Name, ".debug") || strings.HasPrefix(section.Name, ".zdebug") {
					t.Errorf("has DWARF: %s", section.Name)
				}
			}
		})
	}
}

// TestSizes checks that the programs are no larger than the README promises.
func TestSizes(t *testing.T) {
	for _, test := range []struct {
		path  string
		limit int64
	}{
		{release("amd64").program(t, "healthprobe"), 1_500_000},
		{release("arm64").program(t, "healthprobe"), 1_500_000},
		{plain().program(t, "healthprobe"), 1_700_000},
		{release("amd64").program(t, "healthctl"), 3_000_000},
		{release("arm64").program(t, "healthctl"), 3_000_000},
	} {
		info, err := os.Stat(test.path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", test.path[len(workDir)+1:], info.Size())
		if info.Size() > test.limit {
			t.Errorf("%s has %d bytes, the limit is %d", test.path[len(workDir)+1:], info.Size(), test.limit)
		}
	}
}

// TestVersion checks that -version names the version, the platform and the entry.
func TestVersion(t *testing.T) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	want := map[string]string{
		"direct":  "healthprobe " + builtVersion + " " + platform + " (direct entry)\n",
		"runtime": "healthprobe devel " + platform + " (runtime entry)\n",
		"arm64":   "healthprobe " + builtVersion + " linux/arm64 (direct entry)\n",
	}
	for _, e := range entries(t) {
		if got := e.run(t, invocation{args: []string{"-version"}}); got.out != want[e.name] || got.status != 0 {
			t.Errorf("%s: got %v, want %q", e.name, got, want[e.name])
		}
	}
}

// TestWrongLink checks that linking fails, and names the symbol, where the entry
// symbol does not exist. The alternative would be a program that starts at some
// other address.
func TestWrongLink(t *testing.T) {
	trackSources(t)
	build := func(env string, args ...string) string {
		cmd := exec.Command("go", append([]string{"build", "-o", filepath.Join(newDir(t), "healthprobe")}, append(args, probePackage)...)...)
		cmd.Env = append(os.Environ(), "GOFLAGS=", env)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%v succeeded", cmd)
		}
		return string(out)
	}
	t.Run("misspelt", func(t *testing.T) {
		if out := build("CGO_ENABLED=0", "-ldflags=-E=main.dierct"); !strings.Contains(out, "main.dierct") {
			t.Errorf("the error does not name the symbol:\n%s", out)
		}
	})
	t.Run("race", func(t *testing.T) {
		testenv.LookPath(t, "gcc", "gcc") // a race build needs cgo
		if out := build("CGO_ENABLED=1", "-race", "-ldflags=-E=main.direct"); !strings.Contains(out, "main.direct") {
			t.Errorf("the error does not name the symbol:\n%s", out)
		}
	})
}

// TestOtherPlatforms checks that platforms without a stub get the runtime entry:
// the files of the direct entry are not compiled, and build.sh does not ask the
// linker for its symbol.
func TestOtherPlatforms(t *testing.T) {
	trackSources(t)
	for _, platform := range []string{"linux/386", "linux/riscv64", "linux/s390x", "darwin/arm64", "freebsd/amd64"} {
		goos, goarch, _ := strings.Cut(platform, "/")
		cmd := exec.Command("go", "list", "-f", "{{.GoFiles}} {{.SFiles}}", probePackage)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+goos, "GOARCH="+goarch)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if files := string(out); strings.Contains(files, "entry_") || !strings.Contains(files, "main.go") {
			t.Errorf("%s: compiles %s", platform, files)
		}
	}
	e := entry{"386", []string{release("386").program(t, "healthprobe")}}
	if runtime.GOARCH != "amd64" || exec.Command(e.argv[0], "-h").Run() != nil {
		t.Skip("built for linux/386, which this machine does not run")
	}
	if got := e.run(t, invocation{args: []string{"-version"}}); !strings.HasSuffix(got.out, "linux/386 (runtime entry)\n") {
		t.Errorf("got %v", got)
	}
}
