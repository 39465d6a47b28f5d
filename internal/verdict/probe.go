// Package verdict decides whether a unit is healthy. Nothing else does: both entries of
// healthprobe and healthctl status call it.
//
// A Probe is a question. Run answers it from the files (checks.go) with a Cause
// (cause.go), and AppendLine puts that into words (message.go).
//
// Nothing but Causes allocates, and nothing blocks, forks or writes a file. So it also
// runs in the direct entry, where the Go runtime has not started: see cmd/healthprobe.
// Anything unreadable or malformed is unhealthy, with two exceptions: Live ignores the
// error code, and without an identity kill(2) decides.
package verdict

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
)

// Probe is one question about one unit, and after Run the answer. The zero value
// with RunDir and Unit filled in is the readiness question. Run it once, or call
// Next before it runs again.
type Probe struct {
	RunDir   string
	Unit     string
	Live     bool  // liveness: only the process counts, not its error code
	Strict   bool  // require an identity file, which other programs do not write
	Verbose  bool  // find out Code, Age and Reason even if the verdict does not need them
	MaxAge   int64 // nanoseconds since the last set or beat; 0: any
	KeepOpen bool  // leave the closing of files to the kernel: for a process that exits at once

	Answer
	file     string // the state file that the cause is about, or "" for the directory
	held     []byte // its content
	start    []byte // the start time of the process that has Pid
	recorded []byte // the start time in the identity file
	reason   []byte // the text that belongs to Code

	reader      state.Reader
	pidBuf      [state.PidLimit + 1]byte
	errorBuf    [state.ErrorLimit + 1]byte
	identityBuf [state.IdentityLimit + 1]byte
	reasonBuf   [state.ReasonLimit + 1]byte
	path        [4096]byte // PATH_MAX, the NUL included
}

// Answer is what Run found out, texts excepted: without pointers it can be cleared as a
// whole where the Go runtime has not started.
type Answer struct {
	Recorded bool  // there is an identity file, whatever it holds
	Verified bool  // the identity is that of a live process
	Pid      int32 // 0: unknown
	Code     int32 // -1: unknown
	AgeKnown bool  // Age is valid
	Age      int64 // nanoseconds since the last set or beat; negative: in the future

	cause      Cause
	opened     bool          // the unit directory could be opened
	errorFound bool          // there is an error file, readable or not
	errno      syscall.Errno // of opening or reading file
	statErr    syscall.Errno // of reading the process's stat, or the boot id; 0: malformed
	bootErr    bool          // statErr is about the boot id
}

// Cause returns why the unit is unhealthy, or Healthy.
func (p *Probe) Cause() Cause { return p.cause }

// Healthy reports whether Run found nothing wrong.
func (p *Probe) Healthy() bool { return p.cause == Healthy }

// Running reports whether a process was found alive: the recorded one or, where
// another program wrote the files, whichever has the pid.
func (p *Probe) Running() bool {
	return p.Verified || p.Pid > 0 && !p.Recorded && p.cause != Gone && p.cause != Zombie
}

// Reason returns the text that belongs to Code, sanitized, or "".
func (p *Probe) Reason() string { return text.String(p.reason) }

// Next makes p the same question about another unit, with no answer yet.
func (p *Probe) Next(unit string) {
	p.Unit = unit
	p.Answer = Answer{}
	p.file, p.held, p.start, p.recorded, p.reason = "", nil, nil, nil, nil
}

// Run finds the Cause. It reads pid, identity, the process and error, in this order:
// load removes error first, so the error that is read last belongs to the process that
// was checked, or to a later one.
func (p *Probe) Run() {
	p.Code = -1
	p.reader.KeepOpen = p.KeepOpen
	if state.UnitProblem(p.Unit) != "" {
		p.cause = BadUnit
		return
	}
	if state.RunDirProblem(p.RunDir) != "" {
		p.cause = BadRunDir
		return
	}
	dir, cause := p.openDir()
	if cause != Healthy {
		p.cause = cause
		return
	}
	p.opened = true
	p.cause = p.checkProcess(dir)
	if p.cause == Healthy && (!p.Live || p.MaxAge > 0) {
		p.cause = p.checkError(dir)
	} else if p.Verbose {
		p.checkError(dir)
	}
	p.reader.Close(dir)
}

func (p *Probe) openDir() (dir int, cause Cause) {
	dir, e := p.open(p.Unit)
	switch e {
	case 0:
		return dir, Healthy
	case syscall.ENOENT:
		if p.openRunDir() == syscall.ENOENT {
			return -1, NoRunDir // most likely a mistyped name
		}
		return -1, NoDirectory
	case syscall.ENOTDIR, syscall.ELOOP:
		// ENOTDIR tells the message that the run directory is to blame.
		return -1, p.blame(NotADirectory, "", nil, p.openRunDir())
	}
	return -1, p.blame(Unreadable, "", nil, e)
}

// openRunDir returns the error of opening the run directory, which unlike the
// unit's may be a symbolic link.
func (p *Probe) openRunDir() syscall.Errno {
	dir, e := p.open(".")
	if e == 0 {
		p.reader.Close(dir)
	}
	return e
}

// open opens a directory in the run directory.
func (p *Probe) open(name string) (dir int, e syscall.Errno) {
	if len(p.RunDir)+len("/")+len(name)+len("\x00") > len(p.path) {
		return -1, syscall.ENAMETOOLONG
	}
	n := text.Put(p.path[:], 0, p.RunDir)
	n = text.PutByte(p.path[:], n, '/')
	n = text.Put(p.path[:], n, name)
	text.PutByte(p.path[:], n, 0)
	return sys.OpenDir(&p.path[0])
}
