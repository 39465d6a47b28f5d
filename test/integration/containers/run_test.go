//go:build containers && linux

package containers

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

const serverPackage = "./test/integration/containers/testdata/server"

// TestRunEntrypoint starts a server that nobody changes by healthctl run, which is process 1 of an image that
// holds nothing else.
func TestRunEntrypoint(t *testing.T) {
	requireImages(t)
	dir, gates := t.TempDir(), t.TempDir()
	if err := testenv.BuildPackage(filepath.Join(dir, "server"), serverPackage); err != nil {
		t.Fatal(err)
	}
	dockerfile := `
FROM scratch
COPY --from=` + releaseImage + ` /healthprobe /healthctl /
COPY server /server
ENV LIVENESS_UNIT_NAME=server
HEALTHCHECK --interval=100ms --timeout=5s --retries=1 CMD ["/healthprobe"]
ENTRYPOINT ["/healthctl", "run", "-ready", "notify", "--", "/server", "/gates"]
`
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := tryDocker("build", "--network=none", "--tag=notifies", dir); code != 0 {
		t.Fatal(stderr)
	}
	if err := os.Chmod(gates, 0o755); err != nil {
		t.Fatal(err)
	}
	id := start(t, slices.Concat(hardened, []string{"--volume=" + gates + ":/gates:ro", "notifies"})...)
	await(t, "1 unhealthy: server: error 1: reading its data", func() string { return inspect(t, id, lastCheck) })
	touch(t, filepath.Join(gates, "set"))
	await(t, "healthy", func() string { return inspect(t, id, "{{.State.Health.Status}}") })
	docker(t, "exec", id, "/healthctl", "set", "9", "draining")
	await(t, "1 unhealthy: server: error 9: draining", func() string { return inspect(t, id, lastCheck) })
	docker(t, "stop", id)
	if got := inspect(t, id, "{{.State.ExitCode}}"); got != "7" { // 137 if Docker had to kill it
		t.Errorf("the container's exit status is %s", got)
	}
}

// testRun has healthctl run as pid 1.
func testRun(t *testing.T, runtime ociRuntime, rootfs string) {
	run, gates := t.TempDir(), t.TempDir()
	if err := os.Chown(run, appUser, appUser); err != nil {
		t.Fatal(err)
	}
	b := newBundle(t, runtime, bundleConfig{rootfs: rootfs, binds: map[string]string{"/run": run, "/gates": gates},
		args: []string{"/healthctl", "run", "-ready", "notify", "-ready", "listen:8080", "-ready-every", "100ms", "--", "/server", "/gates"}})
	b.start()
	probe := func() string {
		_, stderr, code := b.exec("/healthprobe")
		return strconv.Itoa(code) + " " + stderr
	}
	await(t, "1 unhealthy: app: error 1: reading its data", probe)
	touch(t, filepath.Join(gates, "set"))
	await(t, "0 ", probe)
	for range 10 { // and stays so: in gVisor the table of sockets has another order each time
		if got := probe(); got != "0 " {
			t.Errorf("it was ready, and now is %q", got)
		}
	}
	stdout, _, _ := b.exec("/healthprobe", "-v")
	if pid := strings.Fields(stdout + " - - -")[3]; strings.HasPrefix(pid, "1,") || !strings.Contains(stdout, "identity verified") {
		t.Errorf("healthprobe -v: %q", stdout)
	}
	if _, stderr, code := try(b.command("kill", b.container(), "TERM")); code != 0 {
		t.Fatal(stderr)
	}
	for _, name := range []string{"pid", "notify"} { // what it leaves is as at startup
		await(t, "gone", func() string {
			if _, err := os.Lstat(filepath.Join(run, "app", name)); err == nil {
				return name
			}
			return "gone"
		})
	}
}
