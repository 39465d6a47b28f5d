//go:build linux && amd64

package faults

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// stranger is a user who owns nothing here.
var stranger = &syscall.Credential{Uid: 65534, Gid: 65534}

// TestHidden asks as a stranger, in a mount namespace of the test's own, what
// hidepid and a missing /proc let him see.
func TestHidden(t *testing.T) {
	if !enter(t) {
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
			h := newHarness()
			h.run([]func(){func() { h.look(proc != "") }})
			h.report(t)
		})
	}
}

// look asks about a process of root's, as root and as a stranger.
func (h *harness) look(hasProc bool) {
	w := h.newWorld()
	defer w.close()
	must(unix.Chown(w.runDir, int(stranger.Uid), int(stranger.Gid)))
	l := w.application("load", "set:0", "ready", "wait")
	if !hasProc {
		w.put("identity", l.pidArg()+" 1 0-0\n") // recorded while there was a /proc
	}
	w.expect(stranger, "cannot verify", w.probeArgs()...)
	w.expect(stranger, "cannot verify", w.probeArgs("-live")...)
	if hasProc {
		w.expect(nil, "", w.probeArgs()...)
	}

	// Whoever cannot tell who owns the unit refuses, and changes nothing.
	w.expect(stranger, "cannot tell", w.ctlArgs("set", "0")...)
	w.expect(stranger, "cannot tell", w.ctlArgs("beat")...)
	w.expect(stranger, "cannot tell", w.ctlArgs("load", "-pid", w.strangersLife().pidArg())...)
	if held, _ := w.file("error"); held != "0\n" {
		w.violated("refused, but error holds %q now", held)
	}

	// Without identity kill(2) decides, and it tells even strangers.
	must(unix.Unlink(w.path("identity")))
	w.expect(stranger, "", w.probeArgs()...)
	w.expect(stranger, "-strict", w.probeArgs("-strict")...)
	for _, l := range w.lives {
		l.end()
	}
	w.expect(stranger, "not running", w.probeArgs()...)

	// A process sees itself whatever hidepid says, and where there is no /proc,
	// nobody needs it.
	must(unix.Rename(w.path(), w.path()+".old"))
	w.expect(stranger, "", w.app, w.runDir, w.unit, "load", "set:0", "beat", "set:3:gone")
	w.expect(stranger, "not running", w.probeArgs()...)
	if _, recorded := w.file("identity"); recorded != hasProc {
		w.violated("the identity was recorded: %v, want %v", recorded, hasProc)
	}
}

// expect runs a command that has to succeed silently, or to fail with one line
// that says why.
func (w *world) expect(cred *syscall.Credential, says string, argv ...string) {
	w.point()
	o := w.commandAs(cred, argv...)
	switch {
	case says == "" && o.status == 0 && o.stderr == "":
	case says != "" && o.status == 1 && strings.Count(o.stderr, "\n") == 1 && strings.Contains(o.stderr, says):
	default:
		w.violated("%s: status %d, %q; want %q", strings.Join(argv[1:], " "), o.status, o.stderr, says)
	}
}

// TestHiddenOwner lets a stranger's commands meet an owner that hidepid hides,
// with all faults: they are refused, and the owner stays healthy.
func TestHiddenOwner(t *testing.T) {
	if !enter(t) {
		return
	}
	mountProc("hidepid=2")
	tracing(t)
	h := newHarness()
	h.try(hiddenOwner())
	h.report(t)
}

func hiddenOwner() []scenario {
	as := func(argv func(w *world) []string) func(*world) command {
		return func(w *world) command {
			must(unix.Chown(w.runDir, int(stranger.Uid), int(stranger.Gid)))
			l := w.ownedBy("0")
			must(unix.Chown(w.path(), int(stranger.Uid), int(stranger.Gid)))
			return command{argv: argv(w), cred: stranger, next: l}
		}
	}
	return []scenario{
		{name: "load, owner hidden by hidepid", before: healthy, after: healthy, refuses: true,
			arrange: as(func(w *world) []string { return w.ctlArgs("load", "-pid", w.strangersLife().pidArg()) })},
		{name: "set 0, owner hidden by hidepid", before: healthy, after: healthy, refuses: true, rare: true,
			arrange: as(func(w *world) []string { return w.ctlArgs("set", "0") })},
	}
}

// strangersLife is a process that a stranger's command can see.
func (w *world) strangersLife() *life {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: stranger}
	return w.begin(cmd)
}
