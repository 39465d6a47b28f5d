//go:build linux && amd64

package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// The environment of a test that was started again in namespaces.
const (
	insideEnv  = "HEALTHPROBE_FAULTS_INSIDE"  // the test's name
	scratchEnv = "HEALTHPROBE_FAULTS_SCRATCH" // where the programs are
	tallyEnv   = "HEALTHPROBE_FAULTS_TALLY"   // where the counts go
)

// inNamespaces reports whether the calling test runs in its own pid and mount
// namespaces. If not, it runs the test again in such namespaces and reports the
// result to t. That run is the first process of the pid namespace, so all processes
// and mounts in there end with it.
func inNamespaces(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		mountProc("hidepid=0")
		return true
	}
	testenv.Require(t, os.Geteuid() == 0, "creating namespaces needs root")
	if err := buildOnce(); err != nil {
		t.Fatal(err)
	}
	counts := filepath.Join(t.TempDir(), "tally")
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprintf("-long=%v", *long), fmt.Sprintf("-every=%v", *every))
	cmd.Env = append(os.Environ(), insideEnv+"="+t.Name(), scratchEnv+"="+scratch, tallyEnv+"="+counts)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	testenv.Require(t, !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSPC), "cannot create namespaces: %v", err)
	if err == nil {
		err = total.merge(counts)
	}
	if err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	} else {
		t.Logf("in the namespace:\n%s", out)
	}
	return false
}

// mountProc mounts a /proc of the namespace over the present one.
func mountProc(options string) { must(unix.Mount("proc", "/proc", "proc", 0, options)) }

// nextPid makes the kernel give pid to the next process or thread that is created
// in this namespace.
func nextPid(pid int) error {
	return os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0)
}

// between is the time between two processes with the same pid. Start times have a
// resolution of 10 ms, and healthprobe does not promise to tell apart two processes
// that start within the same tick.
const between = 30 * time.Millisecond

// TestReusedPid runs commands for a process that has the pid of one that loaded, set
// 0 and died, like pid 1 after a restart of the container. It needs its own pid
// namespace, where no other process takes the pid.
func TestReusedPid(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	requirePtrace(t)
	h := newHarness(t)
	h.runScenarios(reused())
	h.report(t)
}

// reused returns the scenarios in which the kernel really reuses the pid.
func reused() []scenario {
	return []scenario{
		{name: "reused pid: application loads", self: true, before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command { return f.withReusedPid(f.appCommand("load")) }},
		{name: "reused pid: application loads and sets 0", self: true, before: unhealthy, after: healthy, code: "0", similar: true,
			arrange: func(f *fixture) command { return f.withReusedPid(f.appCommand("set:0", "load")) }},
		{name: "reused pid: application sets 0 without load", self: true, before: unhealthy, after: unhealthy, mustFail: true, code: "0", similar: true,
			arrange: func(f *fixture) command { return f.withReusedPid(f.appCommand("set:0")) }},
		{name: "reused pid: exec", self: true, before: unhealthy, after: healthy, code: "0", similar: true,
			arrange: func(f *fixture) command { return f.withReusedPid(command{argv: f.ctlArgs("exec", "sleep", "0")}) }},
		{name: "reused pid: load", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command { return f.loadFor(f.startWithReusedPid()) }},
		{name: "reused pid: set 0", before: unhealthy, after: unhealthy, mustFail: true, code: "0", similar: true,
			arrange: func(f *fixture) command {
				p := f.startWithReusedPid()
				return command{argv: f.ctlArgs("set", "-pid", p.pidArg(), "0"), nextOwner: p}
			}},
		{name: "reused pid: reset", before: unhealthy, after: unhealthy, similar: true,
			arrange: func(f *fixture) command { return command{argv: f.ctlArgs("reset"), nextOwner: f.startWithReusedPid()} }},
	}
}

// runAndKill runs an application that loads and sets 0, kills it and returns its
// pid.
func (f *fixture) runAndKill() int {
	p := f.startApp("load", "set:0", "ready", "wait")
	if ok, line := f.healthy(); !ok {
		f.violationf("the first process is not healthy: %s", line)
	}
	p.kill()
	time.Sleep(between)
	return p.pid
}

// withReusedPid makes the command run with the pid of a previous application.
func (f *fixture) withReusedPid(c command) command {
	c.pid = f.runAndKill()
	return c
}

// startWithReusedPid starts a process with the pid of a previous application.
func (f *fixture) startWithReusedPid() *process {
	var pid int
	for try := range 1000 {
		if try%100 == 0 { // the first time, and when a thread of this test has that pid
			pid = f.runAndKill()
		}
		must(nextPid(pid))
		p := f.start(exec.Command("sleep", "1000"))
		if p.pid == pid {
			return p
		}
		p.kill()
	}
	panic("could not get the pid again")
}

// TestRepeatedReuse probes after each of many reuses of a pid.
func TestRepeatedReuse(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	h := newHarness(t)
	times := 5
	if *long {
		times = 100
	}
	h.run([]func(){func() {
		f := h.newFixture()
		defer f.close()
		for range times {
			p := f.startWithReusedPid()
			h.countPoint()
			ok, line := f.healthy()
			if ok || !strings.Contains(line, "is another process now") {
				h.violationf("a process with the pid of one that set 0: healthy %v: %s", ok, line)
			}
			if live, _ := f.healthy("-live"); live {
				h.violationf("alive, though it is another process")
			}
			p.kill()
		}
	}})
	h.report(t)
}

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
