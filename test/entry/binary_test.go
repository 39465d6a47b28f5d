//go:build linux

package entry

import (
	"debug/buildinfo"
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

// TestBinary checks the released programs as ELF files, for every architecture.
func TestBinary(t *testing.T) {
	for _, arch := range testenv.Tested() {
		for _, program := range []string{"healthprobe", "healthctl"} {
			t.Run(arch.String()+"/"+program, func(t *testing.T) {
				t.Parallel()
				file, err := elf.Open(release(arch).program(t, program))
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				symbols, err := file.Symbols() // govulncheck reads them
				if err != nil {
					t.Fatal(err)
				}
				if got, want := startsAt(file, symbols), entrySymbol(program, arch); got != want {
					t.Errorf("the kernel enters at %s, want %s", got, want)
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
}

// entrySymbol returns where the kernel should enter a program of a release.
func entrySymbol(program string, arch testenv.Arch) string {
	switch {
	case program == "healthprobe":
		return "main.direct"
	case arch.Name == "amd64" || arch.Name == "arm64": // cmd/healthctl/start_linux.go
		return "main.start"
	}
	return runtimeEntry
}

const runtimeEntry = "the runtime's entry"

// startsAt returns where the kernel enters a program.
func startsAt(file *elf.File, symbols []elf.Symbol) string {
	for _, s := range symbols {
		if s.Value == file.Entry && strings.HasPrefix(s.Name, "main.") {
			// ABI0 is what Go calls assembly. Where compiled Go passes arguments
			// otherwise, a wrapper has the name without the suffix.
			return strings.TrimSuffix(s.Name, ".abi0")
		}
	}
	return runtimeEntry
}

// TestSizes checks that the programs stay small.
func TestSizes(t *testing.T) {
	check := func(path string, limit int64) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", path[len(workDir)+1:], info.Size())
		if info.Size() > limit {
			t.Errorf("%s has %d bytes, the limit is %d", path[len(workDir)+1:], info.Size(), limit)
		}
	}
	for _, arch := range testenv.Tested() {
		probe := int64(1_500_000)
		if arch.Name == "s390x" || arch.Name == "loong64" { // longer code, larger pages
			probe = 1_600_000
		}
		check(release(arch).program(t, "healthprobe"), probe)
		check(release(arch).program(t, "healthctl"), 3_000_000)
	}
	check(plain().program(t, "healthprobe"), 1_900_000) // of which runtime/debug, for the version, brings fmt with 240,000
}

// TestNoStub checks that build.sh links the runtime's entry where there is no other.
func TestNoStub(t *testing.T) {
	needsAll(t)
	for _, program := range []string{"healthprobe", "healthctl"} {
		file, err := elf.Open(release(testenv.Arch{Name: "mips64le"}).program(t, program))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		symbols, err := file.Symbols()
		if err != nil {
			t.Fatal(err)
		}
		if got := startsAt(file, symbols); got != runtimeEntry {
			t.Errorf("%s: the kernel enters at %s", program, got)
		}
	}
}

// TestVersion checks that -version names the version and commit that the go command
// has recorded, the platform and the entry, and that the other program of a release
// runs as well.
func TestVersion(t *testing.T) {
	check := func(e entry, want string) {
		if got := e.run(t, invocation{args: []string{"-version"}}); got != (result{out: want + "\n"}) {
			t.Errorf("%s: got %v, want %q", e.name, got, want)
		}
	}
	here := " " + runtime.GOOS + "/" + runtime.GOARCH
	check(entry{argv: []string{plain().program(t, "healthprobe")}}, "healthprobe devel"+here+" (runtime entry)")
	for _, e := range directEntries(t) {
		built := recorded(t, e.argv[len(e.argv)-1]) + " linux/" + e.arch.Name
		check(e, "healthprobe "+built+" (direct entry)")
		if !e.arch.RunsGo() {
			continue
		}
		healthctl := entry{name: "healthctl for " + e.name, argv: slices.Clone(e.argv)}
		healthctl.argv[len(e.argv)-1] = release(e.arch).program(t, "healthctl")
		check(healthctl, "healthctl "+built+" (runtime entry)")
	}
	tagged := filepath.Join(newDir(t), "healthprobe") // by whoever has the tag from build.sh, and not the rest
	if err := testenv.BuildPackage(tagged, "./cmd/healthprobe", "-tags=healthprobe_direct"); err != nil {
		t.Fatal(err)
	}
	check(entry{name: "tagged", argv: []string{tagged}}, "healthprobe devel"+here+" (runtime entry)")
}

// recorded returns the version and the commit that the go command has recorded in a
// program.
func recorded(t testing.TB, program string) string {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	version := strings.Trim(info.Main.Version, "()") // "(devel)" outside of a clone
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " commit " + s.Value
		}
	}
	return version
}

// TestWrongLink checks that linking fails, and names the symbol, where the entry
// symbol does not exist. The alternative would be a program that starts at some
// other address.
func TestWrongLink(t *testing.T) {
	trackSources(t)
	build := func(env string, args ...string) string {
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-o", filepath.Join(newDir(t), "healthprobe")}, append(args, probePackage)...)...)
		cmd.Env = append(os.Environ(), "GOFLAGS=", env)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%v succeeded", cmd)
		}
		return string(out)
	}
	t.Run("misspelt", func(t *testing.T) {
		if out := build("CGO_ENABLED=0", "-tags=healthprobe_direct", "-ldflags=-E=main.dierct"); !strings.Contains(out, "main.dierct") {
			t.Errorf("the error does not name the symbol:\n%s", out)
		}
	})
	t.Run("without the tag", func(t *testing.T) {
		if out := build("CGO_ENABLED=0", "-ldflags=-E=main.direct"); !strings.Contains(out, "main.direct") {
			t.Errorf("the error does not name the symbol:\n%s", out)
		}
	})
	t.Run("race", func(t *testing.T) {
		needsAll(t)
		testenv.LookPath(t, "gcc", "gcc") // a race build needs cgo
		if out := build("CGO_ENABLED=1", "-tags=healthprobe_direct", "-race", "-ldflags=-E=main.direct"); !strings.Contains(out, "main.direct") {
			t.Errorf("the error does not name the symbol:\n%s", out)
		}
	})
}
