package verdict

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
)

// checkProcess checks pid, identity, and the process that they mean.
func (p *Probe) checkProcess(dir int) Cause {
	if cause := p.checkPid(dir); cause != Healthy {
		return cause
	}
	id, cause := p.checkIdentity(dir)
	if cause != Healthy {
		return cause
	}
	var process state.Process
	if p.Recorded {
		p.recorded = id.Start
		process = p.reader.Verify(id)
	} else {
		process = p.reader.Lookup(p.Pid)
	}
	p.start, p.statErr, p.bootErr = process.Start, process.Err, process.BootErr
	switch process.Status {
	case state.Alive:
		p.Verified = p.Recorded
		return Healthy
	case state.Zombie:
		return Zombie
	case state.Reused:
		return Stale
	case state.OtherBoot:
		return OtherBoot
	case state.Unknown:
		if p.Recorded {
			return Unverifiable
		}
		if process.Exists { // in a container without /proc
			return Healthy
		}
	}
	return Gone
}

func (p *Probe) checkPid(dir int) Cause {
	value, e := p.reader.Value(dir, state.PidFile, p.pidBuf[:])
	if e == syscall.ENOENT {
		return NotLoaded
	}
	if e != 0 {
		return p.cannotRead(dir, state.PidFile, value, e)
	}
	pid, ok := state.ParseNumber(value)
	if !ok || pid == 0 {
		return p.blame(Malformed, state.PidFile, value, 0)
	}
	p.Pid = pid
	return Healthy
}

// checkIdentity fills in Recorded. A directory without identity was written by another
// program: then only the pid is checked.
func (p *Probe) checkIdentity(dir int) (id state.Identity, cause Cause) {
	value, e := p.reader.Value(dir, state.IdentityFile, p.identityBuf[:])
	if e == syscall.ENOENT && p.Strict {
		return id, NoIdentity
	}
	if e == syscall.ENOENT {
		return id, Healthy
	}
	p.Recorded = true
	if e != 0 {
		return id, p.cannotRead(dir, state.IdentityFile, value, e)
	}
	id, ok := state.ParseIdentity(value)
	if !ok {
		return id, p.blame(Malformed, state.IdentityFile, value, 0)
	}
	if id.Pid != p.Pid {
		return id, IdentityMismatch
	}
	return id, Healthy
}

// checkError checks the heartbeat and the code, if the question is about them. A missing
// heartbeat outranks a code.
func (p *Probe) checkError(dir int) (cause Cause) {
	fd, e := p.reader.Open(dir, state.ErrorFile)
	if e == syscall.ENOENT {
		return NotSet
	}
	p.errorFound = true
	if e != 0 {
		return p.cannotRead(dir, state.ErrorFile, nil, e)
	}
	if p.Verbose || !p.Live {
		if code := p.checkCode(fd); !p.Live {
			cause = code
		}
	}
	if p.Verbose || p.MaxAge > 0 {
		if heartbeat := p.checkHeartbeat(fd); heartbeat != Healthy {
			cause = heartbeat
		}
	}
	if p.Code <= 0 && !p.Verbose {
		p.reader.Close(fd)
		return cause
	}
	sys.Close(fd) // or with a limit of 9 descriptors none would be left for the reason
	p.readReason(dir)
	return cause
}

// checkHeartbeat fills in Age. A time in the future counts like one in the past: the
// clock was set, and the file's time proves nothing.
func (p *Probe) checkHeartbeat(fd int) Cause {
	set, e := sys.ModTime(fd)
	var now sys.Time
	if e == 0 {
		now, e = sys.Now()
	}
	if e != 0 {
		if p.MaxAge <= 0 { // Verbose: the age is only for people
			return Healthy
		}
		return p.blame(Unreadable, state.ErrorFile, nil, e)
	}
	p.AgeKnown, p.Age = true, age(set, now)
	switch {
	case p.MaxAge <= 0:
		return Healthy
	case p.Age > p.MaxAge:
		return NoHeartbeat
	case p.Age < -p.MaxAge:
		return Clock
	}
	return Healthy
}

// age returns the nanoseconds between two times, within what an int64 can hold.
func age(set, now sys.Time) int64 {
	const most = 9e9 // seconds, 285 years
	d := now.Sec - set.Sec
	switch {
	case d > most:
		return most * 1e9
	case d < -most:
		return -most * 1e9
	}
	return d*1e9 + now.Nsec - set.Nsec
}

// checkCode fills in Code.
func (p *Probe) checkCode(fd int) Cause {
	held, e := p.reader.ReadFrom(fd, p.errorBuf[:])
	code, ok := state.ParseNumber(held)
	switch {
	case e != 0:
		return p.cannotRead(-1, state.ErrorFile, held, e)
	case len(held) == 0:
		return NotRecorded
	case !ok:
		return p.blame(Malformed, state.ErrorFile, held, 0)
	}
	p.Code = code
	if code != 0 {
		return Error
	}
	return Healthy
}

// readReason reads the reason, which is for people only: the code is valid without it,
// so whatever is wrong with the file is ignored.
func (p *Probe) readReason(dir int) {
	b, e := p.reader.Value(dir, state.ReasonFile, p.reasonBuf[:])
	if e != 0 {
		return
	}
	if reason, ok := state.ParseReason(b, p.Code); ok {
		text.Sanitize(reason)
		p.reason = reason
	}
}

// cannotRead returns the cause for a state file that cannot be opened or read, or is
// too long. If no file in the directory can be reached, it blames the directory.
func (p *Probe) cannotRead(dir int, name string, held []byte, e syscall.Errno) Cause {
	if e == syscall.EFBIG {
		return p.blame(Malformed, name, held, e)
	}
	if e == syscall.EACCES && !sys.CanSearch(dir) {
		name = ""
	}
	return p.blame(Unreadable, name, nil, e)
}

// blame returns cause, and keeps the facts for its message. The first cause's facts
// are final: what is read after the verdict is only for -v.
func (p *Probe) blame(cause Cause, file string, held []byte, e syscall.Errno) Cause {
	if p.cause == Healthy {
		p.file, p.held, p.errno = file, held, e
	}
	return cause
}
