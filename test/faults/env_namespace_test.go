//go:build linux && amd64

package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// The environment of a test that was started again in namespaces.
const (
	insideEnv  = "HEALTHPROBE_FAULTS_INSIDE"  // the test's name
	scratchEnv = "HEALTHPROBE_FAULTS_SCRATCH" // where the programs are
	tallyEnv   = "HEALTHPROBE_FAULTS_TALLY"   // where the counts go
)

// inNamespaces reports whether the calling test runs in its own pid and mount
// namespaces. If not, it runs the test again in such namespaces and reports the
// result to t. That run is the first process of the pid namespace, so all processes
// and mounts in there end with it.
func inNamespaces(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		mountProc("hidepid=0")
		return true
	}
	testenv.Require(t, os.Geteuid() == 0, "creating namespaces needs root")
	counts := filepath.Join(t.TempDir(), "tally")
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprintf("-long=%v", *long))
	cmd.Env = append(os.Environ(), insideEnv+"="+t.Name(), scratchEnv+"="+scratch, tallyEnv+"="+counts)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	testenv.Require(t, !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSPC), "cannot create namespaces: %v", err)
	if err == nil {
		err = total.merge(counts)
	}
	if err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	} else {
		t.Logf("in the namespace:\n%s", out)
	}
	return false
}

// mountProc mounts a /proc of the namespace over the present one.
func mountProc(options string) { must(unix.Mount("proc", "/proc", "proc", 0, options)) }

// nextPid makes the kernel give pid to the next process or thread that is created
// in this namespace.
func nextPid(pid int) error {
	return os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0)
}
