//go:build containers && linux

package containers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestReadmeImage builds the image of the documentation's Dockerfile, with the example worker as the
// server, and runs it as the documentation says.
func TestReadmeImage(t *testing.T) {
	dockerfile := documented(t, "FROM scratch", "HEALTHCHECK", `ENTRYPOINT ["/server"]`)
	requireImages(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := testenv.BuildPackage(filepath.Join(dir, "server"), "./examples/worker"); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := tryDocker("build", "--network=none", "--tag=server", dir); code != 0 {
		t.Fatal(stderr)
	}
	id := start(t, "--network=none", "--tmpfs=/spool", "--health-interval=100ms", "server")
	await(t, "0", func() string { return inspect(t, id, lastCheck) })
}

// documented returns the first Dockerfile in README.md, or else in docs, that contains all parts.
func documented(t *testing.T, parts ...string) (dockerfile string) {
	t.Helper()
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append([]string{"../../../README.md"}, pages...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "```dockerfile\n")[1:] {
			dockerfile, _, _ := strings.Cut(block, "```\n")
			lacks := func(part string) bool { return !strings.Contains(dockerfile, part) }
			if !slices.ContainsFunc(parts, lacks) {
				return dockerfile
			}
		}
	}
	t.Fatalf("neither README.md nor docs/*.md has a Dockerfile with %q", parts)
	return ""
}
