//go:build linux

package kubelet

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	kubeletVersion    = flag.String("kubelet", "", "test the kubelet of this Kubernetes release, such as v1.36.3, and not that of go.mod")
	containerdVersion = flag.String("containerd", "", "use this release of containerd, such as v2.2.9, and not Debian's")
	runtimeName       = flag.String("runtime", "runc", "run the pods with runc or crun")
	repeats           = flag.Int("repeats", 5, "how often TestMemory tries each probe with each limit")
)

// insideVariable is set in the process that runs the tests, and holds the directory for its files.
const insideVariable = "HEALTHPROBE_KUBELET_TEST_DIR"

var (
	workdir string // on disk
	missing error  // why there is no kubelet
)

// The kernel kills the inner process when the thread that started it ends (Pdeathsig). This keeps TestMain
// on the main thread, which ends with the process.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16") // pods wait far more than they compute
	flag.Parse()
	if workdir = os.Getenv(insideVariable); workdir != "" {
		os.Exit(inside(m))
	}
	if missing = requirements(); missing != nil {
		os.Exit(m.Run())
	}
	os.Exit(outside())
}

func requirements() error {
	if os.Geteuid() != 0 {
		return errors.New("a kubelet needs root")
	}
	if runtime.GOARCH != "amd64" {
		return errors.New("the program that exits at once (test/bench/testdata/baseline) is only for amd64")
	}
	for _, name := range []string{"containerd", "ctr", "runc", "crun", "bash", "perl", "ldd", "redis-server", "redis-cli"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	return nil
}

// outside runs the tests once more, in process and mount namespaces of their own, and puts back what they
// change beyond these. A kubelet and containerd leave processes and mounts behind, even if they are stopped
// properly; with the namespaces all of them are gone.
func outside() int {
	dir, err := os.MkdirTemp("", "healthprobe-kubelet-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer removeCgroups("/" + filepath.Base(dir))
	defer saveSysctls()()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	// Who interrupts the tests means the inner process. What follows it has to be done all the same.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	if err := cmd.Wait(); err != nil {
		if code := cmd.ProcessState.ExitCode(); code > 0 {
			return code
		}
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// inside is pid 1 of the namespaces: when it exits, the kernel kills all that it started.
func inside(m *testing.M) int {
	if err := privateDirectories(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := startContainerd(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// privateDirectories hides the system's own directories of state: the default paths of a kubelet and of
// containerd may be in use on this machine, and not all of them can be configured.
func privateDirectories() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// A v2 hierarchy beside those of v1 is of no use here, and crun refuses one that has controllers.
	if cgroupVersion() == 1 {
		unix.Unmount("/sys/fs/cgroup/unified", unix.MNT_DETACH)
	}
	for _, dir := range []string{"/run", "/var/log", "/var/lib/kubelet", "/var/lib/cni", "/etc/cni"} {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
		}
	}
	return nil
}

// sysctls are those that a kubelet sets on its machine.
var sysctls = []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"}

func saveSysctls() (restore func()) {
	saved := map[string][]byte{}
	for _, name := range sysctls {
		if value, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			saved[name] = value
		}
	}
	return func() {
		for name, value := range saved {
			if err := os.WriteFile(filepath.Join("/proc/sys", name), value, 0); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
}

// cgroupRoots are where the controllers are mounted: one directory with cgroup v2, one each with v1.
func cgroupRoots() (roots []string) {
	if cgroupVersion() == 2 {
		return []string{"/sys/fs/cgroup"}
	}
	dirs, _ := filepath.Glob("/sys/fs/cgroup/*")
	for _, dir := range dirs {
		var s unix.Statfs_t
		if unix.Statfs(dir, &s) == nil && s.Type == unix.CGROUP_SUPER_MAGIC {
			roots = append(roots, dir)
		}
	}
	return roots
}

// controllerRoot returns where one controller is mounted.
func controllerRoot(controller string) string {
	if cgroupVersion() == 2 {
		return "/sys/fs/cgroup"
	}
	return filepath.Join("/sys/fs/cgroup", controller)
}

func cgroupVersion() int {
	var s unix.Statfs_t
	if unix.Statfs("/sys/fs/cgroup", &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC {
		return 2
	}
	return 1
}

// removeCgroups removes a group with all below it. Its processes are gone.
func removeCgroups(group string) {
	for _, root := range cgroupRoots() {
		var dirs []string
		filepath.WalkDir(root+group, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for len(dirs) > 0 {
			syscall.Rmdir(dirs[len(dirs)-1])
			dirs = dirs[:len(dirs)-1]
		}
	}
}

// run runs a command and returns its output, which an error quotes.
func run(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// withStderr adds what a command said to the error of its Output.
func withStderr(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	return err
}
