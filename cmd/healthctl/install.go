package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
	if err := i.parse(); err != nil {
		return err
	}
	if len(i.args()) != 1 || i.args()[0] == "" {
		return i.wrong("want one directory")
	}
	if err := installInto(i.args()[0]); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

func installInto(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	switch st, err := os.Stat(dir); {
	case err == nil && !st.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask
			return err
		}
	}
	for _, name := range []string{"healthprobe", "healthctl"} {
		from, to := filepath.Join(filepath.Dir(self), name), filepath.Join(dir, name)
		if err := copyProgram(from, to); err != nil {
			return err
		}
		program, err := filepath.Abs(to) // without a slash exec would search PATH
		if err != nil {
			return err
		}
		out, err := exec.Command(program, "-version").CombinedOutput()
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%s cannot be executed: %w: is %s mounted noexec? mount the volume without it", to, err, dir)
		}
		if err != nil {
			return fmt.Errorf("%s does not run here: %w %s", to, err, out)
		}
	}
	return nil
}

// copyProgram replaces to as a whole: a probe may be running it.
func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".install-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(0o755)
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	return err
}
