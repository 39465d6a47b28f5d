//go:build containers && linux

package containers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

var (
	workdir string // removed after the run
	missing error  // why there is no engine
)

// The kernel stops the engine when the thread that started it ends, for whatever reason (Pdeathsig).
// This keeps TestMain on the main thread, which ends with the process.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	// Client and engine must be of the same version, so the system's own programs come first.
	os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:"+os.Getenv("PATH"))
	os.Unsetenv("DOCKER_CONTEXT")
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if workdir, err = os.MkdirTemp("", "healthprobe-engine-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(workdir)
	cgroupParent = "/" + filepath.Base(workdir)
	defer removeGroups()
	if missing = requirements(); missing == nil {
		stop, err := startEngine(workdir)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer stop()
	}
	return m.Run()
}

func requirements() error {
	if os.Geteuid() != 0 {
		return errors.New("a container engine needs root")
	}
	for _, name := range []string{"dockerd", "docker", "debootstrap", "nsenter", "tar"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	return nil
}

func requireEngine(t testing.TB) {
	t.Helper()
	testenv.Require(t, missing == nil, "%v", missing)
}

func startEngine(dir string) (stop func(), err error) {
	socket := "unix://" + filepath.Join(dir, "docker.sock")
	for _, kv := range []string{"DOCKER_HOST=" + socket, "DOCKER_CONFIG=" + dir, "DOCKER_BUILDKIT=1"} {
		name, value, _ := strings.Cut(kv, "=")
		os.Setenv(name, value)
	}
	config := filepath.Join(dir, "daemon.json")
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("dockerd", "--host", socket, "--config-file", config,
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--cgroup-parent", cgroupParent,
		"--bridge=none", "--iptables=false", "--ip-masq=false", "--exec-opt", "native.cgroupdriver=cgroupfs")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	stop = func() {
		if out, _, _ := tryDocker("ps", "-aq"); out != "" {
			tryDocker(append([]string{"rm", "-fv"}, strings.Fields(out)...)...)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		<-exited
	}
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if _, _, code := tryDocker("version"); code == 0 {
			return stop, nil
		}
		if time.Since(start) > time.Minute {
			stop()
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("dockerd does not answer; its log:\n%s", text)
		}
	}
}

// tryDocker runs the client and leaves it to the caller whether it may fail.
func tryDocker(args ...string) (stdout, stderr string, code int) {
	return try(exec.Command("docker", args...))
}

func try(cmd *exec.Cmd) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	code = cmd.ProcessState.ExitCode()
	if cmd.ProcessState == nil {
		fmt.Fprint(&errs, err)
	}
	return strings.TrimSpace(out.String()), strings.TrimSpace(errs.String()), code
}

// docker runs the client, fails the test if that fails, and returns its output.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	stdout, stderr, code := tryDocker(args...)
	if code != 0 {
		t.Fatalf("docker %s: status %d\n%s\n%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// hardened is how a careful user runs an application: nothing is writable but the state directory.
// It is uid and not mode because runc ignores mode where the image has a directory at that path.
var hardened = []string{"--network=none", "--read-only", "--user=65532:65532", "--cap-drop=ALL",
	"--security-opt=no-new-privileges", "--tmpfs=/run:uid=65532"}

// start runs a container in the background until the test ends.
func start(t testing.TB, args ...string) (id string) {
	t.Helper()
	id = docker(t, append([]string{"run", "--detach"}, args...)...)
	t.Cleanup(func() { tryDocker("rm", "-fv", id) })
	return id
}

// await asks until the answer is the one wanted. The limit only stops a test that hangs.
func await(t testing.TB, want string, ask func() string) {
	t.Helper()
	var got string
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if got = ask(); got == want {
			return
		}
	}
	t.Fatalf("still %q, not %q", got, want)
}

// inspect returns what the engine records about a container or an image.
func inspect(t testing.TB, id, format string) string {
	t.Helper()
	return docker(t, "inspect", "--format", format, id)
}
