//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// exec and run stay on the first thread of the process, where only init functions are sure
// to run. Some attributes that an application is started with belong to a thread and not
// to the process, such as the parent-death signal or the priority: execve(2) keeps those
// of the thread that calls it, and a child gets those of the one that forks. The other
// commands do without, since it costs the runtime one more thread.
func init() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case runCommand.name:
		runtime.GOMAXPROCS(1) // it has nothing to do at once, and a second processor costs memory
		runtime.LockOSThread()
	case execCommand.name, commandToStart:
		runtime.LockOSThread()
	}
}

// replaceProcess executes the program at path in place of this one. The process is then as
// it was before the Go runtime started in it, if this is called on the first thread.
// It returns only if that fails.
func replaceProcess(path string, argv, env []string) error {
	restoreStart()
	return syscall.Exec(path, argv, env) // which restores the limit of open files
}

// environment returns the environment as this process got it. os.Environ leaves out
// empty entries, and all but the first of the entries with one name.
func environment() []string {
	known := os.Environ()
	held, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return known // all that is left without /proc
	}
	all := strings.Split(string(held), "\x00")
	all = all[:len(all)-1] // each entry ends with a NUL byte
	// An emulator may have been told to change some: then /proc has its own.
	if !slices.Equal(withoutDuplicates(all), known) {
		return known
	}
	return all
}

// withoutDuplicates returns what os.Environ would make of an environment.
func withoutDuplicates(all []string) (kept []string) {
	seen := map[string]bool{}
	for _, entry := range all {
		name, _, named := strings.Cut(entry, "=")
		if entry != "" && !(named && seen[name]) {
			kept = append(kept, entry)
		}
		seen[name] = seen[name] || named
	}
	return kept
}

// defaultPath is where execvp(3) looks when PATH is not set.
const defaultPath = "/bin:/usr/bin"

// lookPath returns the path of a command, which it finds as execvp(3) does. exec.LookPath
// refuses what it finds in a relative directory, such as ".", and without PATH it finds
// nothing. A name with a slash is a path, which may not exist.
func lookPath(name string) (path string, err error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	dirs, set := os.LookupEnv("PATH")
	if !set {
		dirs = defaultPath
	}
	for _, dir := range strings.Split(dirs, ":") {
		if dir == "" {
			dir = "."
		}
		if path, err := checkExecutable(dir + "/" + name); err == nil {
			return path, nil
		}
	}
	err = exec.ErrNotFound
	if !set {
		err = fmt.Errorf("%w, which is not set: looked in %s", err, defaultPath)
	}
	return "", &exec.Error{Name: name, Err: err}
}

// checkExecutable returns the path of a program, if it can be executed. It looks again if a
// signal interrupts it, which exec.LookPath does not.
func checkExecutable(path string) (string, error) {
	for {
		found, err := exec.LookPath(path)
		if !errors.Is(err, syscall.EINTR) {
			return found, err
		}
	}
}
