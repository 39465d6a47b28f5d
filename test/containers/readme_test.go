//go:build containers && linux

package containers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeImage builds the README's image, with the example worker for the server, and runs it as
// the README says.
func TestReadmeImage(t *testing.T) {
	needImages(t)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "```dockerfile\n")
	dockerfile, _, found := strings.Cut(after, "```\n")
	if !found || !strings.Contains(dockerfile, "FROM scratch") {
		t.Fatal("no such image in the README")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("go", "build", "-o", filepath.Join(dir, "server"), "../../examples/worker")
	server.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, stderr, code := try(server); code != 0 {
		t.Fatal(stderr)
	}
	if _, stderr, code := tryDocker("build", "--network=none", "--tag=server", dir); code != 0 {
		t.Fatal(stderr)
	}
	id := start(t, "--network=none", "--tmpfs=/run", "--tmpfs=/spool", "--health-interval=100ms", "server")
	await(t, "0", func() string { return inspect(t, id, lastCheck) })
}
