//go:build containers && linux

package containers

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tree is a copy of what a build needs, made once. Images and programs are built from the same files,
// and from another directory than the repository, so that a path that gets into a program is noticed.
var tree = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(workdir, "tree")
	args := []string{"-R", "../../Dockerfile.scratch", "../../.dockerignore", "../../build.sh", "../../go.mod", "../../go.sum",
		"../../cmd", "../../internal", "../../writer", "../../examples", dir}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	return dir, sequence(append([]string{"cp"}, args...))
})

// build links both programs as a release, from the copy: testenv.Build would do it in the repository.
func build(t testing.TB, env ...string) (dir string) {
	t.Helper()
	source, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	cmd := exec.Command("sh", "build.sh", dir)
	cmd.Dir = source
	cmd.Env = append(append(os.Environ(), "VERSION="+version), env...)
	if stdout, stderr, code := try(cmd); code != 0 {
		t.Fatalf("%v build.sh: status %d\n%s\n%s", env, code, stdout, stderr)
	}
	return dir
}

// TestCrossBuild builds a release for every architecture that Docker and Kubernetes run on.
func TestCrossBuild(t *testing.T) {
	for platform, machine := range map[string]elf.Machine{
		"amd64":   elf.EM_X86_64,
		"arm64":   elf.EM_AARCH64,
		"arm/v7":  elf.EM_ARM,
		"386":     elf.EM_386,
		"ppc64le": elf.EM_PPC64,
		"s390x":   elf.EM_S390,
		"riscv64": elf.EM_RISCV,
		"loong64": elf.EM_LOONGARCH,
	} {
		t.Run(strings.ReplaceAll(platform, "/", ""), func(t *testing.T) {
			arch, variant, _ := strings.Cut(platform, "/v")
			dir := build(t, "GOOS=linux", "GOARCH="+arch, "GOARM="+variant)
			for _, name := range []string{"healthprobe", "healthctl"} {
				f, err := elf.Open(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if f.Machine != machine {
					t.Errorf("%s is for %v", name, f.Machine)
				}
				// A program that asks for a dynamic loader does not start on scratch.
				for _, p := range f.Progs {
					if p.Type == elf.PT_INTERP {
						t.Errorf("%s requires a dynamic loader", name)
					}
				}
				if symbols, err := f.Symbols(); err != nil || len(symbols) == 0 {
					t.Errorf("%s has no symbol table, which govulncheck reads: %v", name, err)
				}
				if f.Section(".debug_info") != nil || f.Section(".zdebug_info") != nil {
					t.Errorf("%s carries debugging information", name)
				}
				direct := name == "healthprobe" && (arch == "amd64" || arch == "arm64")
				if got := entrySymbol(t, f); (got == "main.direct.abi0") != direct {
					t.Errorf("%s starts at %s", name, got)
				}
			}
		})
	}
}

func entrySymbol(t *testing.T, f *elf.File) string {
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Value == f.Entry && elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			return s.Name
		}
	}
	return "no symbol"
}
