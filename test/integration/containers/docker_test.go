//go:build containers && linux

package containers

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// lastCheck formats the engine's record of its latest health check: status and output.
const lastCheck = `{{with $log := .State.Health.Log}}{{with index $log (len (slice $log 1))}}{{.ExitCode}} {{.Output}}{{end}}{{end}}`

// TestHealthcheck takes the example image's application into an error and back, under a careful
// user's restrictions.
func TestHealthcheck(t *testing.T) {
	requireImages(t)
	id := start(t, slices.Concat(hardened, []string{"--tmpfs=/spool:uid=65532", "--health-interval=100ms", "--health-retries=1", exampleImage})...)
	expect := func(status, check string) {
		t.Helper()
		await(t, status, func() string { return inspect(t, id, "{{.State.Health.Status}}") })
		await(t, check, func() string { return inspect(t, id, lastCheck) })
	}
	expect("healthy", "0")
	docker(t, "kill", "--signal=USR1", id)
	expect("unhealthy", "1 unhealthy: worker: error 3: upstream db unreachable")
	docker(t, "kill", "--signal=USR2", id)
	expect("healthy", "0")
	docker(t, "exec", id, "/healthctl", "set", "7", "closed for the night")
	expect("unhealthy", "1 unhealthy: worker: error 7: closed for the night")
}

// TestExecEntrypoint adds a health check to an image whose application does not know about health checks.
func TestExecEntrypoint(t *testing.T) {
	requireImages(t)
	dockerfile := `
FROM ` + debianImage + `
COPY --from=` + releaseImage + ` /healthprobe /healthctl /
ENV LIVENESS_UNIT_NAME=sleeper
HEALTHCHECK --interval=1s --timeout=5s --retries=1 CMD ["/healthprobe"]
ENTRYPOINT ["/healthctl", "exec"]
CMD ["sleep", "infinity"]
`
	build := exec.Command("docker", "build", "--network=none", "--tag=sleeper", "-")
	build.Stdin = strings.NewReader(dockerfile)
	if _, stderr, code := try(build); code != 0 {
		t.Fatal(stderr)
	}
	id := start(t, slices.Concat(hardened, []string{"sleeper"})...)
	await(t, "0", func() string { return inspect(t, id, lastCheck) })
	if got := docker(t, "exec", id, "cat", "/proc/1/comm", "/run/sleeper/pid"); got != "sleep\n1" {
		t.Errorf("process 1 and the recorded pid are %q", got)
	}
	for command, want := range map[string]int{"/nonexistent": 127, "/etc/passwd": 126} {
		if _, stderr, code := tryDocker(slices.Concat([]string{"run", "--rm"}, hardened, []string{"sleeper", command})...); code != want {
			t.Errorf("exec of %s: status %d, want %d\n%s", command, code, want, stderr)
		}
	}
}

// TestInstall copies the programs into a volume from their scratch image, as an initContainer does,
// and runs them from an image that was built without them.
func TestInstall(t *testing.T) {
	requireImages(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	install := slices.Concat([]string{"run", "--rm"}, hardened)
	docker(t, slices.Concat(install, []string{"--volume=" + dir + ":/tools", releaseImage, "install", "/tools"})...)
	id := start(t, slices.Concat(hardened, []string{"--volume=" + dir + ":/tools:ro", "--env=LIVENESS_UNIT_NAME=guest",
		"--entrypoint=/tools/healthctl", debianImage, "exec", "sleep", "infinity"})...)
	await(t, "0", func() string {
		_, _, code := tryDocker("exec", id, "/tools/healthprobe")
		return string(rune('0' + code))
	})
	if out := docker(t, "exec", id, "/tools/healthprobe", "-v"); !strings.Contains(out, "guest") {
		t.Errorf("healthprobe -v says %q", out)
	}
	// Where nothing may be executed the probe could not start. The kubelet does not report that, so the
	// installation is the last step that can.
	_, stderr, code := tryDocker(slices.Concat(install, []string{"--tmpfs=/tools:mode=1777,noexec", releaseImage, "install", "/tools"})...)
	if code != 1 || !strings.Contains(stderr, "noexec") || !strings.Contains(stderr, "/tools") {
		t.Errorf("install into a volume mounted noexec: status %d, %q", code, stderr)
	}
}

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
