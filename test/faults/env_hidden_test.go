//go:build linux && amd64

package faults

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is the user for tests that need one other than root.
var nobody = &syscall.Credential{Uid: 65534, Gid: 65534}

// TestHiddenProc runs the programs as nobody in a mount namespace where hidepid
// or a missing /proc hides the owner of the unit.
func TestHiddenProc(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	for _, proc := range []string{"hidepid=1", "hidepid=2", ""} {
		name := proc
		if proc == "" {
			name = "no proc"
			must(unix.Mount("none", "/proc", "tmpfs", 0, ""))
		} else {
			mountProc(proc)
		}
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.run([]func(){func() { h.probeHidden(proc != "") }})
			h.report(t)
		})
	}
}

// probeHidden loads a unit as root and uses it as root and as nobody.
func (h *harness) probeHidden(hasProc bool) {
	f := h.newFixture()
	defer f.close()
	must(os.Mkdir(f.path(), 0o755))
	chownToNobody(f.runDir)
	chownToNobody(f.path()) // so that nobody may write there, and lock it
	p := f.startApp("load", "set:0", "ready", "wait")
	if !hasProc {
		f.writeFile("identity", p.pidArg()+" 1 0-0\n") // recorded while there was a /proc
	}
	f.expect(nobody, "cannot verify", f.probeArgs()...)
	f.expect(nobody, "cannot verify", f.probeArgs("-live")...)
	if hasProc {
		f.expect(nil, "", f.probeArgs()...)
	}

	// A command that cannot tell who owns the unit fails and changes nothing.
	f.expect(nobody, "cannot tell", f.ctlArgs("set", "0")...)
	f.expect(nobody, "cannot tell", f.ctlArgs("beat")...)
	f.expect(nobody, "cannot tell", f.ctlArgs("load", "-pid", f.startAsNobody().pidArg())...)
	if held, _ := f.readFile("error"); held != "0\n" {
		f.violationf("the commands failed, but error holds %q now", held)
	}

	// Without identity kill(2) decides, and any user may ask it.
	must(unix.Unlink(f.path("identity")))
	f.expect(nobody, "", f.probeArgs()...)
	f.expect(nobody, "-strict", f.probeArgs("-strict")...)
	for _, p := range f.processes {
		p.kill()
	}
	f.expect(nobody, "not running", f.probeArgs()...)

	// A process sees itself whatever hidepid is, and without /proc it records no
	// identity.
	must(unix.Rename(f.path(), f.path()+".old"))
	f.expect(nobody, "", f.app, f.runDir, f.unit, "load", "set:0", "beat", "set:3:gone")
	f.expect(nobody, "not running", f.probeArgs()...)
	if _, recorded := f.readFile("identity"); recorded != hasProc {
		f.violationf("the identity was recorded: %v, want %v", recorded, hasProc)
	}
}

// expect runs a command. It must succeed and print no error if want is "", or else
// fail with one line that contains want.
func (f *fixture) expect(cred *syscall.Credential, want string, argv ...string) {
	f.countPoint()
	o := f.commandAs(cred, argv...)
	switch {
	case want == "" && o.status == 0 && o.stderr == "":
	case want != "" && o.status == 1 && strings.Count(o.stderr, "\n") == 1 && strings.Contains(o.stderr, want):
	default:
		f.violationf("%s: status %d, %q; want %q", strings.Join(argv[1:], " "), o.status, o.stderr, want)
	}
}

// TestHiddenOwner runs commands as nobody, with all faults, on a unit whose owner
// hidepid hides. They must fail, and the owner must stay healthy.
func TestHiddenOwner(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	mountProc("hidepid=2")
	requirePtrace(t)
	h := newHarness(t)
	h.runScenarios(hiddenOwner())
	h.report(t)
}

func hiddenOwner() []scenario {
	as := func(argv func(f *fixture) []string) func(*fixture) command {
		return func(f *fixture) command {
			must(unix.Chown(f.runDir, int(nobody.Uid), int(nobody.Gid)))
			p := f.recordOwner("0")
			must(unix.Chown(f.path(), int(nobody.Uid), int(nobody.Gid)))
			return command{argv: argv(f), cred: nobody, nextOwner: p}
		}
	}
	return []scenario{
		{name: "load, owner hidden by hidepid", before: healthy, after: healthy, mustFail: true,
			arrange: as(func(f *fixture) []string { return f.ctlArgs("load", "-pid", f.startAsNobody().pidArg()) })},
		{name: "set 0, owner hidden by hidepid", before: healthy, after: healthy, mustFail: true, similar: true,
			arrange: as(func(f *fixture) []string { return f.ctlArgs("set", "0") })},
	}
}

// startAsNobody starts a process that user nobody can see in spite of hidepid.
func (f *fixture) startAsNobody() *process {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody}
	return f.start(cmd)
}
