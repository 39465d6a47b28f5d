//go:build linux

package script

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/rogpeppe/go-internal/testscript"
)

// root is the module's, from where the tests of this package run.
const root = "../.."

// target is a build of the two programs. Every script has to pass with each.
type target struct {
	name  string
	arch  testenv.Arch
	entry string // the entry that healthprobe is linked with
}

// targets returns both entries of this machine, and the direct entry of each other
// architecture.
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
	release := filepath.Join(tmp, "release")
	if err := testenv.Build(release, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets() {
		t.Run(target.name, func(t *testing.T) {
			t.Parallel()
			bins := target.build(t, filepath.Join(tmp, target.name), release)
			work := filepath.Join(tmp, target.name, "work")
			if err := os.MkdirAll(work, 0o755); err != nil {
				t.Fatal(err)
			}
			testscript.Run(t, testscript.Params{
				Files:              target.scripts(t),
				WorkdirRoot:        work,
				RequireUniqueNames: true,
				Setup:              func(e *testscript.Env) error { return target.setup(e, bins) },
				Condition:          target.condition,
				Cmds:               commands,
			})
		})
	}
}

// bins has the directories of the programs.
type bins struct {
	path     string // what to put at the front of PATH
	emulated string // a directory with the healthctl of an emulated target
}

// build builds the programs below dir. Of a target that this machine does not run
// itself, shell scripts of their names start the emulator. There healthctl is that of
// release, a build for this machine: emulated, its Go runtime would take most of the time.
func (target target) build(t *testing.T, dir, release string) bins {
	if target.entry == "direct" && target.arch.Name == runtime.GOARCH {
		return bins{path: release}
	}
	built := filepath.Join(dir, "bin")
	if err := testenv.Build(built, testenv.Options{Arch: target.arch, Plain: target.entry == "runtime"}); err != nil {
		t.Fatal(err)
	}
	if target.arch.Native() {
		return bins{path: built}
	}
	for _, name := range []string{"healthprobe", "healthctl"} {
		command := target.arch.Command(t, filepath.Join(built, name))
		if command == nil {
			t.Skip("see above")
		}
		script := "#!/bin/sh\nexec " + strings.Join(command, " ") + " \"$@\"\n"
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := testenv.WriteProgram(filepath.Join(dir, name, name), []byte(script)); err != nil {
			t.Fatal(err)
		}
	}
	return bins{filepath.Join(dir, "healthprobe") + ":" + release, filepath.Join(dir, "healthctl")}
}

// scripts returns what the target has to pass: all, or if it is emulated, what runs
// healthprobe. Of that, arm (32 bits) and in the short form arm64 have all, and every
// other architecture has a third, another one than its neighbour.
func (target target) scripts(t *testing.T) (paths []string) {
	t.Helper()
	whole := target.arch.Native() || target.arch.Name == "arm" || testing.Short()
	turn := slices.Index(testenv.Archs, target.arch)
	all, err := filepath.Glob(filepath.Join(root, "testdata/script/*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !target.arch.Native() && !strings.Contains(string(text), "healthprobe") {
			continue
		}
		if turn++; whole || turn%3 == 0 || filepath.Base(path) == "life.txtar" {
			paths = append(paths, path)
		}
	}
	return paths
}

// setup prepares a script's environment: the programs are in PATH, and they ask
// for the unit web in the directory run, which is still empty.
func (target target) setup(e *testscript.Env, bins bins) error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	e.Setenv("PATH", bins.path+":"+e.Getenv("PATH"))
	e.Setenv("EMULATED", bins.emulated)
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
//	[emulated]      healthprobe runs under qemu-user
//	[emulated-ctl]  and so can healthctl, with $EMULATED at the front of PATH
//	[root]          the script may become another user
//	[namespaces]    the script may make mount, pid and host name namespaces
//
// A script that lacks one of the last two is skipped. With CI=true it fails.
func (target target) condition(name string) (ok bool, err error) {
	switch name {
	case "emulated":
		return !target.arch.Native(), nil
	case "emulated-ctl":
		return !target.arch.Native() && target.arch.RunsGo(), nil
	case "root":
		ok = exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "true").Run() == nil
	case "namespaces":
		ok = exec.Command("unshare", "--mount", "--uts", "--pid", "--fork", "true").Run() == nil
	default:
		return false, fmt.Errorf("unknown condition")
	}
	if !ok && testenv.CI() {
		return false, fmt.Errorf("CI=true, and this machine does not have it")
	}
	return ok, nil
}
