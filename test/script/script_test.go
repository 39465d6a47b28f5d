//go:build linux

// Package healthprobe_test runs the scripts in testdata/script against the
// built programs: `go test . -run TestScript/direct/set-reason`. The commands
// that the scripts have beside those of testscript are in
// script_commands_test.go.
package healthprobe_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/rogpeppe/go-internal/testscript"
)

// target is a build of the two programs. Every script has to pass with each.
type target struct {
	name  string
	arch  testenv.Arch
	entry string // the entry that healthprobe is linked with
}

// targets returns both entries of this machine, and the direct entry of each other
// architecture. Most of what an emulated one takes is the Go runtime of healthctl.
func targets() []target {
	own := testenv.Arch{Name: runtime.GOARCH}
	all := []target{{"runtime", own, "runtime"}}
	if testenv.HasDirectEntry() {
		all = append(all, target{"direct", own, "direct"})
	}
	for _, arch := range testenv.Tested() {
		older := arch.Name == "arm" && arch.ARM != "7" // test/entry has the older ones
		if arch.Name != own.Name && !older && (arch.Name == "arm64" || !testing.Short()) {
			all = append(all, target{arch.String(), arch, "direct"})
		}
	}
	return all
}

func TestScript(t *testing.T) {
	tmp, err := os.MkdirTemp("", "healthprobe-script")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o755); err != nil { // some scripts become another user
		t.Fatal(err)
	}
	for _, target := range targets() {
		t.Run(target.name, func(t *testing.T) {
			t.Parallel()
			bin := target.build(t, filepath.Join(tmp, target.name))
			work := filepath.Join(tmp, target.name, "work")
			if err := os.MkdirAll(work, 0o755); err != nil {
				t.Fatal(err)
			}
			testscript.Run(t, testscript.Params{
				Dir:                "testdata/script",
				WorkdirRoot:        work,
				RequireUniqueNames: true,
				Setup:              func(e *testscript.Env) error { return target.setup(e, bin) },
				Condition:          target.condition,
				Cmds:               commands,
			})
		})
	}
}

// build builds the programs below dir and returns the directory to put in PATH.
// For an emulated target, that directory has wrapper scripts of the same names.
func (target target) build(t *testing.T, dir string) (bin string) {
	bin = filepath.Join(dir, "bin")
	if err := testenv.Build(bin, testenv.Options{Arch: target.arch, Plain: target.entry == "runtime"}); err != nil {
		t.Fatal(err)
	}
	if target.arch.Native() {
		return bin
	}
	wrappers := filepath.Join(dir, "emulated")
	if err := os.Mkdir(wrappers, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"healthprobe", "healthctl"} {
		command := target.arch.Command(t, filepath.Join(bin, name))
		if command == nil {
			t.Skip("see above")
		}
		script := "#!/bin/sh\nexec " + strings.Join(command, " ") + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(wrappers, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return wrappers
}

// setup prepares a script's environment: the programs are in PATH, and they ask
// for the unit web in the directory run, which is still empty.
func (target target) setup(e *testscript.Env, bin string) error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	e.Setenv("PATH", bin+":"+e.Getenv("PATH"))
	e.Setenv("LIVENESS_RUNDIR", filepath.Join(e.WorkDir, "run"))
	e.Setenv("LIVENESS_UNIT_NAME", "web")
	e.Setenv("BOOT", strings.TrimSpace(string(boot)))
	e.Setenv("HOST", host)
	e.Setenv("ARCH", target.arch.Name)
	e.Setenv("ENTRY", target.entry)
	var names []string
	for _, entry := range e.Vars {
		name, _, _ := strings.Cut(entry, "=")
		names = append(names, name)
	}
	e.Values[variables{}] = names
	e.Values[running{}] = make(map[string]*exec.Cmd)
	return os.MkdirAll(filepath.Join(e.WorkDir, "run"), 0o755)
}

// condition adds to the conditions of testscript:
//
//	[emulated]    the programs run under qemu-user
//	[root]        the script may become another user
//	[namespaces]  the script may make mount, pid and host name namespaces
//
// A script that lacks one of the last two is skipped. With CI=true it fails.
func (target target) condition(name string) (ok bool, err error) {
	switch name {
	case "emulated":
		return !target.arch.Native(), nil
	case "root":
		ok = exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "true").Run() == nil
	case "namespaces":
		ok = exec.Command("unshare", "--mount", "--uts", "--pid", "--fork", "true").Run() == nil
	default:
		return false, fmt.Errorf("unknown condition")
	}
	if !ok && os.Getenv("CI") == "true" {
		return false, fmt.Errorf("CI=true, and this machine does not have it")
	}
	return ok, nil
}
