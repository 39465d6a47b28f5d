package verdict

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/text"
)

// AppendLine appends the line to print about the unit, without a newline: why it is
// unhealthy, or the details of a healthy one.
func (p *Probe) AppendLine(l *text.Line) {
	if p.Healthy() {
		l.Text("healthy: ").Printable(p.Unit, 255).Text(": ")
		p.appendHealthy(l)
		return
	}
	l.Text("unhealthy: ").Printable(p.Unit, 255).Text(": ")
	p.AppendMessage(l)
}

// AppendMessage appends why the unit is unhealthy: the words for the cause and its
// facts.
func (p *Probe) AppendMessage(l *text.Line) {
	switch p.cause {
	case BadUnit:
		l.Text("the unit name ").Text(state.UnitProblem(p.Unit))
	case BadRunDir:
		l.Text(`the run directory "`).Printable(p.RunDir, 200).Text(`" `).Text(state.RunDirProblem(p.RunDir))
	case NoRunDir:
		l.Text("not loaded: no run directory ").Printable(p.RunDir, 200)
	case NoDirectory:
		p.addPath(l.Text("not loaded: no directory "), "")
	case NotADirectory:
		if p.errno == syscall.ENOTDIR {
			l.Printable(p.RunDir, 200).Text(" must be a directory")
			return
		}
		p.addPath(l, "").Text(" must be a directory (symbolic links are not followed)")
	case NotLoaded:
		p.addPath(l.Text("not loaded: no pid in "), "")
	case NoIdentity:
		p.addPath(l.Text("identity not recorded: no identity in "), "").Text(", and -strict requires one")
	case IdentityMismatch:
		p.addPath(l.Text("identity names another process than pid; if another program wrote pid, remove "), state.IdentityFile)
	case Stale:
		l.Text("stale state: pid ").Number(int64(p.Pid)).Text(" is another process now (start time ").
			Text(text.String(p.start)).Text(", recorded ").Text(text.String(p.recorded)).Text(")")
	case OtherBoot:
		l.Text("stale state: pid ").Number(int64(p.Pid)).Text(" was recorded before the last boot")
	case Gone:
		l.Text("pid ").Number(int64(p.Pid)).Text(" is not running in this pid namespace")
	case Zombie:
		l.Text("pid ").Number(int64(p.Pid)).Text(" has exited and is a zombie: its parent has not reaped it")
	case Unverifiable:
		p.appendUnverifiable(l)
	case NotSet:
		if p.MaxAge > 0 {
			l.Text("no heartbeat: loaded, but not set yet")
		} else {
			l.Text("not ready: loaded, but not set to 0 yet")
		}
	case NoHeartbeat:
		l.Text("no heartbeat for ").Seconds(roundUp(p.Age)).Text(" (limit ").Seconds(p.MaxAge).Text(")")
	case Clock:
		p.addPath(l.Text("no heartbeat: "), state.ErrorFile).Text(" is dated ").Seconds(roundUp(-p.Age)).
			Text(" in the future (limit ").Seconds(p.MaxAge).Text("): was the clock set back?")
	case NotRecorded:
		p.addPath(l, state.ErrorFile).Text(" is empty: the last set could not be recorded")
	case Error:
		p.appendCode(l)
	case Malformed:
		p.appendMalformed(l)
	case Unreadable:
		verb := "cannot open "
		switch {
		case p.file != "":
			verb = "cannot read "
		case p.opened:
			verb = "cannot search "
		}
		p.addPath(l.Text(verb), p.file).Text(": ").Errno(p.errno)
	}
}

func (p *Probe) appendUnverifiable(l *text.Line) {
	l.Text("cannot verify pid ").Number(int64(p.Pid)).Text(": ")
	if p.bootErr {
		l.Text("cannot read " + state.BootIDPath + ": ").Errno(p.statErr)
		return
	}
	if p.statErr == syscall.ENOENT || p.statErr == syscall.ESRCH {
		p.addStat(l.Text("it is running, but ")).Text(" does not exist: is /proc mounted, and without hidepid?")
		return
	}
	if p.statErr == 0 {
		p.addStat(l).Text(" is malformed")
		return
	}
	p.addStat(l.Text("cannot read ")).Text(": ").Errno(p.statErr)
}

func (p *Probe) appendMalformed(l *text.Line) {
	limit, want := int64(state.PidLimit), "a pid from 1 to 2147483647"
	switch p.file {
	case state.IdentityFile:
		limit, want = state.IdentityLimit, `"<pid> <start time> <boot id>"`
	case state.ErrorFile:
		limit, want = state.ErrorLimit, "a number from 0 to 2147483647"
	}
	p.addPath(l, p.file)
	switch {
	case p.errno == syscall.EFBIG:
		l.Text(" holds more than ").Number(limit).Text(" bytes: ").Quoted(text.Clip(p.held, 40)).Text("...")
	case len(p.held) == 0:
		l.Text(" is empty: want ").Text(want)
	default:
		l.Text(" holds ").Quoted(p.held).Text(": want ").Text(want)
	}
}

func (p *Probe) appendHealthy(l *text.Line) {
	l.Text("pid ").Number(int64(p.Pid))
	if p.Verified {
		l.Text(", identity verified")
	} else {
		l.Text(", identity not recorded")
	}
	switch {
	case p.AgeKnown && p.Age < 0:
		l.Text(", age -").Seconds(-p.Age)
	case p.AgeKnown:
		l.Text(", age ").Seconds(p.Age)
	}
	switch l.Text(", "); {
	case p.Code >= 0:
		p.appendCode(l)
	case p.errorFound:
		l.Text("error unreadable")
	default:
		l.Text("not set yet")
	}
}

func (p *Probe) appendCode(l *text.Line) {
	l.Text("error ").Number(int64(p.Code))
	if len(p.reason) > 0 {
		l.Text(": ").Text(p.Reason())
	}
}

// addPath adds the path of a state file, or for "" of the directory.
func (p *Probe) addPath(l *text.Line, name string) *text.Line { return l.Path(p.RunDir, p.Unit, name) }

func (p *Probe) addStat(l *text.Line) *text.Line {
	return l.Text("/proc/").Number(int64(p.Pid)).Text("/task/").Number(int64(p.Pid)).Text("/stat")
}

// roundUp rounds to whole seconds from 10 s on, and to milliseconds below, always
// upwards: an age must not read like the limit that it exceeds.
func roundUp(ns int64) int64 {
	if ns < 10e9 {
		return (ns + 1e6 - 1) / 1e6 * 1e6
	}
	return (ns + 1e9 - 1) / 1e9 * 1e9
}
