//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

var installCommand = command{
	name:    "install",
	args:    "DIR",
	summary: "copy healthprobe and healthctl into a directory",
	about: `For an initContainer that adds the probe to an image that you cannot change:
copies this healthctl, and the healthprobe beside it, into DIR, which it makes
if needed. It then starts each copy once: on a volume that is mounted noexec the
probe would never run, which the kubelet does not count as a failure.
`,
	exits: "0 done, 1 failed, 2 wrong usage.",
	example: `Example, in a pod's initContainers:
  command: [/healthctl, install, /tools]
`,
	run: install,
}

func install(i *invocation) error {
	args, err := i.parse()
	if err != nil {
		return err
	}
	if len(args) != 1 || args[0] == "" {
		return i.wrong("want one directory")
	}
	if err := installInto(args[0]); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

func installInto(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	// Other users run the copies, so directories must be open to them from the
	// first moment: an install that is killed could not open them later.
	syscall.Umask(0o022)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	removeLeftovers(dir)
	for _, name := range []string{"healthprobe", "healthctl"} {
		from, to := filepath.Join(filepath.Dir(self), name), filepath.Join(dir, name)
		if err := copyProgram(from, to); err != nil {
			return err
		}
		if err := tryProgram(to); err != nil {
			return err
		}
	}
	return nil
}

// tempPrefix begins the names under which programs are written; os.CreateTemp
// adds a number.
const tempPrefix = ".install-"

// removeLeftovers removes what killed installs have left in dir: without that,
// one that is killed again and again would fill the volume. It cannot tell a
// leftover from the file of an install that is still running; see copyProgram.
func removeLeftovers(dir string) {
	entries, _ := os.ReadDir(dir) // best effort
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), tempPrefix)
		if _, err := strconv.ParseUint(number, 10, 32); ok && err == nil && entry.Type().IsRegular() {
			os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// copyProgram replaces the file to in one step, because a probe may be running
// it. Installs into one directory need no lock: each writes a file of its own, and
// the last to rename it wins. If another install has removed the file as a
// leftover, copy again: an install does that only once, when it starts.
func copyProgram(from, to string) error {
	for try := 1; ; try++ {
		temp, err := copyToTemp(from, filepath.Dir(to))
		if err != nil {
			return err
		}
		err = os.Rename(temp, to)
		if err == nil {
			return nil
		}
		os.Remove(temp)
		if !errors.Is(err, fs.ErrNotExist) || try == 100 { // then it is not an install that removes them
			return err
		}
	}
}

// copyToTemp copies a program to a new file in dir, and closes it before anything
// is started: Linux refuses to execute a file that is open for writing, even if
// only in a child between fork and execve.
func copyToTemp(from, dir string) (temp string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return "", fmt.Errorf("cannot write to %s: %w", dir, withoutPath(err))
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(0o755), out.Close())
	if err != nil {
		os.Remove(out.Name())
	}
	return out.Name(), err
}

// tryProgram starts an installed program to see whether it can run from there.
func tryProgram(path string) error {
	absolute, err := filepath.Abs(path) // exec would search PATH for a bare name
	if err != nil {
		return err
	}
	cmd := exec.Command(absolute, "-version")
	cmd.Stderr = os.Stderr
	err = cmd.Run()
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s cannot be executed: %w: is %s mounted noexec? mount the volume without it", path, withoutPath(err), filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("%s does not run here: %w", path, withoutPath(err))
	}
	return nil
}
