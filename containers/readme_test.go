//go:build containers && linux

package containers

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadmeImage builds the README's shortest image, and runs it.
func TestReadmeImage(t *testing.T) {
	needImages(t)
	source, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "```dockerfile\n")
	dockerfile, _, found := strings.Cut(after, "```\n")
	if !found || !strings.Contains(dockerfile, "FROM scratch") {
		t.Fatal("no such image in the README")
	}
	path := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(path, []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("docker", "build", "--network=none", "--file", path, "--tag=shortest", source)
	if _, stderr, code := try(build); code != 0 {
		t.Fatal(stderr)
	}
	id := start(t, slices.Concat(hardened, []string{"--health-interval=100ms", "shortest"})...)
	await(t, "0", func() string { return inspect(t, id, lastCheck) })
}
