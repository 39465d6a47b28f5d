//go:build linux

package shared

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

var (
	long  = flag.Bool("long", false, "try every cell of the matrix on a tmpfs, and one in four elsewhere")
	every = flag.Bool("every", false, "try every cell")
)

// workerEnv makes this program a worker, and insideEnv a test that is in a mount
// namespace of its own.
const (
	workerEnv = "HEALTHPROBE_SHARED_WORKER"
	insideEnv = "HEALTHPROBE_SHARED_INSIDE"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		work()
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// inNamespace reports whether the calling test runs in a mount namespace of its own,
// where it may mount what it likes. If not, it runs the test again in one and reports
// the result to t.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		return true
	}
	testenv.Require(t, os.Geteuid() == 0, "only root can become another user")
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=30m", fmt.Sprintf("-long=%v", *long), fmt.Sprintf("-every=%v", *every))
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	testenv.Require(t, !errors.Is(err, unix.EPERM), "cannot create a mount namespace: %v", err)
	if err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	} else {
		t.Logf("in the namespace:\n%s", out)
	}
	return false
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
