//go:build containers && linux

package containers

import (
	"os/exec"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestCompose starts the services of examples/compose.yaml. The one called front waits until the two
// others are healthy, so up succeeds only if both of their checks do.
func TestCompose(t *testing.T) {
	requireImages(t)
	testenv.LookPath(t, "docker-compose", "docker-compose")
	compose := func(args ...string) (stdout, stderr string, code int) {
		return try(exec.Command("docker-compose", append([]string{"--file", "../../../examples/compose.yaml",
			"--file", "testdata/offline.yaml", "--project-name", "example"}, args...)...))
	}
	if _, stderr, code := compose("config", "--quiet"); code != 0 {
		t.Fatalf("config: status %d\n%s", code, stderr)
	}
	docker(t, "tag", debianImage, "debian:bookworm-slim")
	t.Cleanup(func() { compose("down", "--volumes", "--timeout=0") })
	if _, stderr, code := compose("up", "--detach", "--no-build"); code != 0 {
		t.Fatalf("up: status %d\n%s", code, stderr)
	}
	for _, service := range []string{"worker", "guest"} {
		id, _, _ := compose("ps", "--quiet", service)
		if got := inspect(t, id, "{{.State.Health.Status}}"); got != "healthy" {
			t.Errorf("%s is %s", service, got)
		}
	}
	id, _, _ := compose("ps", "--quiet", "front")
	if got := inspect(t, id, "{{.State.Status}}"); got != "running" {
		t.Errorf("front is %s", got)
	}
}
