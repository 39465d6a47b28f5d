//go:build machine

package machine

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// archive makes the archive that is the machine's first and only file system.
// debian is the directory that fromDebian returned.
func (m machine) archive(t *testing.T, debian string) (path string) {
	t.Helper()
	testenv.LookPath(t, "cpio", "cpio")
	if err := testenv.TrackSources(); err != nil {
		t.Fatal(err)
	}
	module, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	root := filepath.Join(tmp, "root")
	if err := os.CopyFS(root, os.DirFS(filepath.Join(debian, "root"))); err != nil {
		t.Fatal(err)
	}
	for dir, o := range map[string]testenv.Options{"release": {Arch: m.arch}, "plain": {Arch: m.arch, Plain: true}} {
		if err := testenv.Build(filepath.Join(root, "prebuilt", dir), o); err != nil {
			t.Fatal(err)
		}
	}
	m.run(t, module, "go", "build", "-o", filepath.Join(root, "init"), "./test/integration/machine/testdata/init")
	commands := ""
	for _, b := range binaries {
		m.run(t, module, "go", "test", "-c", "-ldflags=-w", "-o", filepath.Join(root, b.pkg, "tests"), "./"+b.pkg)
		commands += b.command()
	}
	if err := os.WriteFile(filepath.Join(root, "commands"), []byte(commands), 0o644); err != nil {
		t.Fatal(err)
	}
	scripts := "testdata/script"
	if err := os.CopyFS(filepath.Join(root, scripts), os.DirFS(filepath.Join(module, scripts))); err != nil {
		t.Fatal(err)
	}
	m.run(t, root, "sh", "-c", "find . | cpio --quiet -o -H newc -R +0:+0 >../archive")
	return filepath.Join(tmp, "archive")
}

// run runs a command for the machine's architecture.
func (m machine) run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), m.arch.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}
