//go:build linux

// Init is the first process of the machine that the tests of test/integration/machine boot.
// It mounts what a system has, runs the commands in /commands, one a line, and
// turns the machine off. The tests read its console.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// mounts are in the order in which they have to be made.
var mounts = []struct{ kind, dir string }{
	{"proc", "/proc"},
	{"sysfs", "/sys"},
	{"cgroup2", "/sys/fs/cgroup"},
	{"devtmpfs", "/dev"},
	{"tmpfs", "/run"},
	{"tmpfs", "/tmp"},
}

func main() {
	if err := run(); err != nil {
		fmt.Println("machine:", err)
	} else {
		fmt.Println("machine: end")
	}
	fmt.Println("machine:", syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF))
}

func run() error {
	syscall.Umask(0o022)
	for _, m := range mounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	if err := os.Chmod("/tmp", os.ModeSticky|0o777); err != nil {
		return err
	}
	if err := os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+pids +memory"), 0); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte("machine")); err != nil {
		return err
	}
	if err := command("/", []string{"/bin/busybox", "--install", "-s", "/bin"}); err != nil {
		return err
	}
	if err := command("/", []string{"uname", "-a"}); err != nil {
		return err
	}
	commands, err := os.ReadFile("/commands")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(commands)) {
		fields := strings.Fields(line) // the directory and the command
		if err := command(fields[0], fields[1:]); err != nil {
			return err
		}
	}
	return nil
}

// command runs a command in a directory.
func command(dir string, argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stdout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", argv[0], err)
	}
	return nil
}

func init() {
	// The kernel gives its first process an environment of its own.
	os.Clearenv()
	for name, value := range map[string]string{"PATH": "/bin", "HOME": "/tmp", "CI": "true", testenv.PrebuiltEnv: "/prebuilt"} {
		os.Setenv(name, value)
	}
}
