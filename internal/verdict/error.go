package verdict

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
)

// readError finds out all that the error file says; beating and zero judge it.
func (p *Probe) readError(dir int) {
	fd, e := p.Open(dir, state.ErrorFile)
	if p.openErr = e; e != 0 {
		return
	}
	if p.Detail || p.MaxAge > 0 {
		p.Age, p.timeErr = age(fd)
		p.Set = p.timeErr == 0
	}
	if p.Detail || !p.Live {
		p.held, p.readErr = p.ReadFrom(fd, p.errorBuf[:])
		if code, ok := state.ParseNumber(p.held); ok && p.readErr == 0 {
			p.Code = code
		}
	}
	reason := p.Code > 0 || p.Detail
	if reason {
		p.Exiting = false // a limit of 9 descriptors leaves none for the reason
	}
	p.Close(fd)
	if reason {
		p.readReason(dir)
	}
}

// readReason is for people only: whatever is wrong with the file, the code
// stands without a reason.
func (p *Probe) readReason(dir int) {
	b, e := p.Value(dir, state.ReasonFile, p.reasonBuf[:])
	if e != 0 {
		return
	}
	if text, ok := state.ParseReason(b, p.Code); ok {
		state.Clean(text)
		p.reason = text
	}
}

// age gives the nanoseconds since the file was written or touched, by the wall
// clock, cut to what an int64 holds.
func age(fd int) (ns int64, e syscall.Errno) {
	sec, nsec, e := state.ModTime(fd)
	if e != 0 {
		return 0, e
	}
	nowSec, nowNsec, e := state.Now()
	const most = 9e9 // seconds; 285 years
	switch d := nowSec - sec; {
	case d > most:
		return most * 1e9, e
	case d < -most:
		return -most * 1e9, e
	default:
		return d*1e9 + nowNsec - nsec, e
	}
}

// beating judges the heartbeat, if there has to be one. A time in the future
// counts like one in the past: the clock was set, and proves nothing.
func (p *Probe) beating() bool {
	switch {
	case p.MaxAge <= 0:
		return true
	case p.openErr == syscall.ENOENT:
		p.unhealthy().Text("no heartbeat: not set since load")
	case p.openErr != 0 || p.timeErr != 0:
		p.unreadable(state.ErrorFile, p.openErr|p.timeErr, nil, 0) // one of them is 0
	case p.Age > p.MaxAge:
		p.unhealthy().Text("no heartbeat for ").Seconds(rounded(p.Age)).Text(" (limit ").Seconds(p.MaxAge).Text(")")
	case p.Age < -p.MaxAge:
		p.file(p.unhealthy().Text("no heartbeat: "), state.ErrorFile).Text(" is dated ").
			Seconds(rounded(-p.Age)).Text(" in the future (limit ").Seconds(p.MaxAge).Text("): was the clock set back?")
	default:
		return true
	}
	return false
}

// rounded gives whole seconds for times of 10 s and more, and milliseconds for
// others: upwards, so that an age never reads like the limit that it is beyond.
func rounded(ns int64) int64 {
	if ns < 10e9 {
		return (ns + 1e6 - 1) / 1e6 * 1e6
	}
	return (ns + 1e9 - 1) / 1e9 * 1e9
}

// zero judges the code.
func (p *Probe) zero() bool {
	switch {
	case p.openErr == syscall.ENOENT:
		p.unhealthy().Text("not set since load")
	case p.openErr != 0 || p.readErr != 0:
		p.unreadable(state.ErrorFile, p.openErr|p.readErr, p.held, state.ErrorLimit) // one of them is 0
	case p.Code < 0 && len(p.held) == 0:
		p.file(p.unhealthy(), state.ErrorFile).Text(" is empty: the last set could not be recorded")
	case p.Code < 0:
		p.malformed(state.ErrorFile, p.held, "a number from 0 to 2147483647")
	case p.Code > 0:
		p.code(p.unhealthy())
	default:
		return true
	}
	return false
}

func (p *Probe) code(l *Line) {
	l.Text("error ").Number(int64(p.Code))
	if len(p.reason) > 0 {
		l.Text(": ").Text(p.Reason())
	}
}

// describe is the line about a healthy unit.
func (p *Probe) describe() {
	l := p.line.Text("healthy: ").Clean(p.Unit, 255).Text(": pid ").Number(int64(p.Pid))
	if p.Verified {
		l.Text(", identity verified")
	} else {
		l.Text(", identity not recorded")
	}
	switch {
	case p.Set && p.Age < 0:
		l.Text(", age -").Seconds(-p.Age)
	case p.Set:
		l.Text(", age ").Seconds(p.Age)
	}
	switch l.Text(", "); {
	case p.Code >= 0:
		p.code(l)
	case p.openErr == syscall.ENOENT:
		l.Text("not set since load")
	default:
		l.Text("error unreadable")
	}
}
