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

// What a test that runs again in namespaces of its own is told.
const (
	insideEnv  = "HEALTHPROBE_FAULTS_INSIDE"  // the test's name
	scratchEnv = "HEALTHPROBE_FAULTS_SCRATCH" // where the programs are
	tallyEnv   = "HEALTHPROBE_FAULTS_TALLY"   // where the counts go
)

// enter runs the calling test again in a pid and a mount namespace of its own,
// and returns true there. All processes and mounts end with the namespace's
// first process, which is the second run.
func enter(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		mountProc("hidepid=0")
		return true
	}
	testenv.Require(t, os.Geteuid() == 0, "making namespaces needs root")
	counts := filepath.Join(t.TempDir(), "tally")
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprintf("-long=%v", *long))
	cmd.Env = append(os.Environ(), insideEnv+"="+t.Name(), scratchEnv+"="+scratch, tallyEnv+"="+counts)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	testenv.Require(t, !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSPC), "cannot make namespaces: %v", err)
	if err == nil {
		err = total.collect(counts)
	}
	if err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	} else {
		t.Logf("in the namespace:\n%s", out)
	}
	return false
}

// mountProc mounts the namespace's own /proc over what is there.
func mountProc(options string) { must(unix.Mount("proc", "/proc", "proc", 0, options)) }

// nextPid makes pid the number that the next process or thread gets in this
// namespace, unless another comes first.
func nextPid(pid int) error {
	return os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0)
}
