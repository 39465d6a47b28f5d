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
	about: `Copies healthprobe and healthctl, found beside the running one, into DIR, which
it makes if needed. It then starts the copies once, because a volume mounted
noexec leaves the kubelet with a probe that never runs, and so never fails. For
an initContainer that adds the probe to an image that you cannot change.
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

// copyProgram replaces to as a whole, because a probe may be running it. Installs
// into the same directory need no lock: each writes a file of its own, and the
// last one to rename wins. If another install has removed the file as a leftover,
// copy again: each does so only once, when it starts.
func copyProgram(from, to string) error {
	for tries := 100; ; tries-- { // and not for ever, if something else removes the files
		temp, err := copyToTemp(from, filepath.Dir(to))
		if err != nil {
			return err
		}
		err = os.Rename(temp, to)
		if err == nil {
			return nil
		}
		os.Remove(temp)
		if tries == 0 || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// copyToTemp copies a program to a new file in dir. The file is closed when it
// returns: Linux refuses to execute one that is open for writing, also in a child
// that has not yet called execve.
func copyToTemp(from, dir string) (temp string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return "", fmt.Errorf("cannot write to %s: %w", dir, cause(err))
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(0o755), out.Close())
	if err != nil {
		os.Remove(out.Name())
	}
	return out.Name(), err
}

// tryProgram starts an installed program, to see that it can be.
func tryProgram(path string) error {
	absolute, err := filepath.Abs(path) // exec would search PATH for a bare name
	if err != nil {
		return err
	}
	out, err := exec.Command(absolute, "-version").CombinedOutput()
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s cannot be executed: %w: is %s mounted noexec? mount the volume without it", path, err, filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("%s does not run here: %w %s", path, err, out)
	}
	return nil
}
