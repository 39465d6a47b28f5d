//go:build containers && linux

package containers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// A podman has storage of its own, which the test's end removes.
type podman struct{ dir string }

func newPodman(t testing.TB) *podman {
	t.Helper()
	testenv.Require(t, os.Geteuid() == 0, "a container engine needs root")
	for _, name := range []string{"podman", "buildah", "conmon", "runc"} {
		testenv.LookPath(t, name, name)
	}
	p := &podman{t.TempDir()}
	// What has no flag. podman's own limits may be higher than a test machine allows even root, and its
	// locks are otherwise in a place that all podmans of the machine share.
	config := "[engine]\nlock_type = \"file\"\n[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"
	if err := os.WriteFile(filepath.Join(p.dir, "containers.conf"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, stderr, code := p.try("rm", "--all", "--force", "--time=0"); code != 0 {
			t.Errorf("podman rm: status %d\n%s", code, stderr)
		}
		// What watched over an exec cleans up after itself when the container has gone, in this directory.
		await(t, "", p.watchers)
	})
	return p
}

// watchers returns the processes that still work for this podman.
func (p *podman) watchers() string {
	out, _, _ := try(exec.Command("pgrep", "--full", "--list-name", p.dir))
	return out
}

// try runs podman. What it would keep elsewhere or ask systemd for is set, since there may be none.
func (p *podman) try(args ...string) (stdout, stderr string, code int) {
	in := func(name string) string { return filepath.Join(p.dir, name) }
	cmd := exec.Command("podman", slices.Concat([]string{
		"--root=" + in("root"), "--runroot=" + in("runroot"), "--tmpdir=" + in("tmp"), "--storage-driver=vfs",
		"--runtime=runc", "--runtime-flag=root=" + in("runc"), "--cgroup-manager=cgroupfs", "--events-backend=file",
	}, args)...)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+in("containers.conf"), "TMPDIR="+p.dir, "DOCKER_CONFIG=")
	return try(cmd)
}

func (p *podman) run(t testing.TB, args ...string) (stdout string) {
	t.Helper()
	stdout, stderr, code := p.try(args...)
	if code != 0 {
		t.Fatalf("podman %s: status %d\n%s\n%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// start runs a container in the background, as docker's hardened ones. Its --tmpfs takes no uid, but
// lets everyone write. Where there is systemd, it must not check at other times than the test does;
// where there is none, podman says that and goes on.
func (p *podman) start(t testing.TB, args ...string) (id string) {
	t.Helper()
	return p.run(t, slices.Concat([]string{"run", "--detach", "--cgroup-parent=" + cgroupParent, "--network=none", "--read-only",
		fmt.Sprintf("--user=%d:%[1]d", appUser), "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/run",
		"--health-interval=disable"}, args)...)
}

// TestPodman builds an image with a health check, and has podman run the check.
func TestPodman(t *testing.T) {
	p := newPodman(t)
	t.Log(measuredOn(t, "podman", "runc"))
	dir := scratch(t)
	dockerfile := `
FROM scratch
COPY healthprobe healthctl app /
ENV LIVENESS_UNIT_NAME=web
HEALTHCHECK --timeout=5s --retries=1 CMD ["/healthprobe"]
ENTRYPOINT ["/healthctl", "exec", "/app", "/gates"]
`
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"docker", "oci"} {
		p.run(t, "build", "--format="+format, "--network=none", "--cgroup-parent="+cgroupParent, "--tag="+format, dir)
	}
	check := func(image string) string {
		return p.run(t, "image", "inspect", "--format={{json .HealthCheck}}", image)
	}
	if got := check("docker"); !strings.Contains(got, `["CMD","/healthprobe"]`) {
		t.Errorf("the health check of the image in Docker's format is %s", got)
	}
	if got := check("oci"); got != "null" {
		t.Errorf("the OCI format has dropped no health check: %s. Then the documentation is wrong", got)
	}
	t.Run("docker", func(t *testing.T) { p.life(t, "docker") })
	// docs/engines.md says how an image without a health check gets one that needs no shell.
	t.Run("oci", func(t *testing.T) { p.life(t, "--health-cmd=CMD /healthprobe", "--health-retries=1", "oci") })
	for command, want := range map[string]string{
		`["/healthprobe", "-live"]`: "[CMD /healthprobe -live]",
		`["/healthprobe"]`:          "[CMD-SHELL /healthprobe]",
	} {
		id := p.start(t, "--health-cmd="+command, "oci")
		if got := p.run(t, "inspect", "--format={{.Config.Healthcheck.Test}}", id); got != want {
			t.Errorf("--health-cmd=%s is %s, want %s", command, got, want)
		}
		if strings.HasPrefix(want, "[CMD ") {
			await(t, "0", func() string { return strconv.Itoa(p.check(id)) })
		}
	}
}

// check has podman run the health check, and returns the exit status of that.
func (p *podman) check(id string) (code int) {
	_, _, code = p.try("healthcheck", "run", id)
	return code
}

// life takes a container into an error and back. Its arguments are those of podman run.
func (p *podman) life(t *testing.T, args ...string) {
	id := p.start(t, args...)
	expect := func(code int, status, check string) {
		t.Helper()
		if got := p.check(id); got != code {
			t.Errorf("healthcheck run: status %d, want %d", got, code)
		}
		const record = `{{.State.Health.Status}}: {{range .State.Health.Log}}{{.ExitCode}} {{.Output}};{{end}}`
		got := p.run(t, "inspect", "--format="+record, id)
		if !strings.HasPrefix(got, status+": ") || !strings.HasSuffix(got, check+";") {
			t.Errorf("podman records %q, want %s and %q", got, status, check)
		}
	}
	await(t, "0", func() string { return strconv.Itoa(p.check(id)) })
	expect(0, "healthy", "0 ")
	p.run(t, "exec", id, "/healthctl", "set", "3", "upstream db unreachable")
	expect(1, "unhealthy", "1 unhealthy: web: error 3: upstream db unreachable")
	p.run(t, "exec", id, "/healthctl", "set", "0")
	expect(0, "healthy", "0 ")
}
