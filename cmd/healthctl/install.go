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
	"syscall"
	"time"
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
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	// Other users run the copies, and no moment must be left in which they
	// could not: an install that is killed there would leave it so.
	syscall.Umask(0o022)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unlock, err := lockInstall(dir)
	if err != nil {
		return err
	}
	defer unlock()
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

// lockInstall waits for other installs into dir to end. The kernel drops the lock
// of one that is killed. Where a file system cannot lock a directory (NFS), there
// is no lock, and two installs at once may fail.
func lockInstall(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	const wait = 5 * time.Second
	for until := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return func() { d.Close() }, nil
		}
		if time.Now().After(until) {
			d.Close()
			return nil, fmt.Errorf("another install has been writing to %s for %v: try again, and look for a stopped process (lslocks names it)", dir, wait)
		}
	}
}

// copyProgram replaces to as a whole: a probe may be running it. The temporary
// file has a fixed name, so that there is never more than one to remove after an
// install that was killed. Under the lock nobody else writes it.
func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := filepath.Join(filepath.Dir(to), ".install-"+filepath.Base(to))
	if st, err := os.Lstat(tmp); err == nil && st.Mode().IsRegular() {
		os.Remove(tmp)
	}
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(0o755) // the directory may have a default ACL
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	return err
}
