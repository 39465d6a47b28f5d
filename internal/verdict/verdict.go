// Package verdict decides whether a unit is healthy. It is the one place that
// does: both doors of healthprobe and healthctl status call it.
//
// It allocates nothing, never blocks, never forks and never writes a file, and
// on linux/amd64 and linux/arm64 it runs before the Go runtime has started as
// well (see cmd/healthprobe). Whatever cannot be read or understood is
// unhealthy, apart from what the questions say is not asked (the error code
// with Live), or decided otherwise (kill(2) where no identity was recorded).
package verdict

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
)

// Probe is one question about one unit, and its answer. The zero value with
// RunDir and Unit filled in is the readiness question. A Probe is asked once.
type Probe struct {
	RunDir string
	Unit   string
	Live   bool  // liveness: is the process there? The error code does not count.
	Strict bool  // a directory without identity, written by others, does not do
	Detail bool  // also find out Code, Age and Reason where the verdict does not need them
	MaxAge int64 // nanoseconds since the last set or beat; 0: any

	Healthy  bool
	Recorded bool  // there is an identity
	Verified bool  // and it is that of the live process
	Pid      int32 // 0: not known
	Code     int32 // -1: not known
	Set      bool  // there is an error file, so Age is known
	Age      int64 // nanoseconds since the last set or beat; negative: in the future

	openErr, timeErr, readErr syscall.Errno // of the error file
	held                      []byte        // what it holds
	reason                    []byte        // the text that belongs to Code
	prefix                    int           // the length of "unhealthy: web: "

	state.Reader
	pidBuf      [state.PidLimit + 1]byte
	errorBuf    [state.ErrorLimit + 1]byte
	identityBuf [state.IdentityLimit + 1]byte
	line        Line
	reasonBuf   [state.ReasonLimit + 1]byte
	path        [4096]byte // PATH_MAX, the NUL included
}

// Line says why the unit is unhealthy, or with Detail what it is: one line,
// without a newline, or nothing.
func (p *Probe) Line() string { return p.line.String() }

// Reason is the text that belongs to Code, fit to print; "" if there is none.
func (p *Probe) Reason() string { return state.View(p.reason) }

// Run answers. It reads pid, identity, the process and error in this order:
// load removes error before anything else, so an error that is read last
// belongs to the process that was looked at, or to a later one.
func (p *Probe) Run() {
	p.Code = -1
	if problem := state.UnitProblem(p.Unit); problem != "" {
		p.unhealthy().Text("the unit name ").Text(problem)
		return
	}
	dir, ok := p.openDir()
	if !ok {
		return
	}
	owned := p.owned(dir)
	if p.Detail || owned && (!p.Live || p.MaxAge > 0) {
		p.readError(dir)
	}
	p.Healthy = owned && p.beating() && (p.Live || p.zero())
	if p.Healthy && p.Detail {
		p.describe()
	}
	p.Close(dir)
}

// Message is Line without its beginning, "unhealthy: web: ".
func (p *Probe) Message() string {
	if line := p.Line(); uint(p.prefix) <= uint(len(line)) {
		return line[p.prefix:]
	}
	return ""
}

func (p *Probe) unhealthy() *Line {
	l := p.line.Text("unhealthy: ").Clean(p.Unit, 255).Text(": ")
	p.prefix = l.n
	return l
}

func (p *Probe) openDir() (dir int, ok bool) {
	n := state.Put(p.path[:], 0, p.RunDir)
	n = state.Put(p.path[:], n, "/")
	n = state.Put(p.path[:], n, p.Unit)
	n = state.Put(p.path[:], n, "\x00")
	e := syscall.ENAMETOOLONG
	if len(p.RunDir)+len(p.Unit)+2 == n {
		dir, e = state.OpenDir(&p.path[0])
	}
	switch e {
	case 0:
		return dir, true
	case syscall.ENOENT:
		p.missing()
	case syscall.ENOTDIR, syscall.ELOOP:
		p.file(p.unhealthy(), "").Text(" is not a directory (a symbolic link is not followed)")
	default:
		p.file(p.unhealthy().Text("cannot open "), "").Text(": ").Errno(e)
	}
	return -1, false
}

// missing tells a directory that was not made yet from a run directory that is
// not there at all: most likely a mistyped name.
func (p *Probe) missing() {
	if n := len(p.RunDir); n < len(p.path) {
		p.path[n] = 0 // the path is RunDir/Unit
	}
	dir, e := state.OpenDir(&p.path[0])
	switch e {
	case 0:
		p.Close(dir)
	case syscall.ENOENT:
		p.unhealthy().Text("not loaded: no run directory ").Clean(p.RunDir, 200)
		return
	}
	p.file(p.unhealthy().Text("not loaded: no directory "), "")
}

// file adds the path of a state file, or of the directory, to a message.
func (p *Probe) file(l *Line, name string) *Line { return l.Path(p.RunDir, p.Unit, name) }

// unreadable is the message about a file that could not be opened or read, or
// that is longer than limit.
func (p *Probe) unreadable(name string, e syscall.Errno, held []byte, limit int64) {
	if e == syscall.EFBIG {
		p.file(p.unhealthy(), name).Text(" holds more than ").Number(limit).Text(" bytes: ").Quoted(state.Clip(held, 40)).Text("...")
		return
	}
	p.file(p.unhealthy().Text("cannot read "), name).Text(": ").Errno(e)
}

// malformed is the message about a file that holds something else than want.
func (p *Probe) malformed(name string, held []byte, want string) {
	if len(held) == 0 {
		p.file(p.unhealthy(), name).Text(" is empty: want ").Text(want)
		return
	}
	p.file(p.unhealthy(), name).Text(" holds ").Quoted(held).Text(": want ").Text(want)
}

// owned judges pid, identity and the process.
func (p *Probe) owned(dir int) bool {
	value, e := p.Value(dir, state.PidFile, p.pidBuf[:])
	switch {
	case e == syscall.ENOENT:
		p.file(p.unhealthy().Text("not loaded: no pid in "), "")
		return false
	case e != 0:
		p.unreadable(state.PidFile, e, value, state.PidLimit)
		return false
	}
	pid, ok := state.ParseNumber(value)
	if !ok || pid == 0 {
		p.malformed(state.PidFile, value, "a pid from 1 to 2147483647")
		return false
	}
	p.Pid = pid

	value, e = p.Value(dir, state.IdentityFile, p.identityBuf[:])
	switch {
	case e == syscall.ENOENT && !p.Strict:
		return p.runs()
	case e == syscall.ENOENT:
		p.file(p.unhealthy().Text("identity not recorded: no identity in "), "").Text(", and -strict wants one")
		return false
	case e != 0:
		p.unreadable(state.IdentityFile, e, value, state.IdentityLimit)
		return false
	}
	id, ok := state.ParseIdentity(value)
	if !ok {
		p.malformed(state.IdentityFile, value, `"<pid> <start time> <boot id>"`)
		return false
	}
	if id.Pid != pid {
		p.file(p.unhealthy().Text("identity names another process than pid; if another program wrote pid, remove "), state.IdentityFile)
		return false
	}
	p.Recorded = true
	p.Verified = p.same(id)
	return p.Verified
}

// same judges a process whose identity was recorded.
func (p *Probe) same(id state.Identity) bool {
	standing, start := p.Inspect(id)
	switch standing {
	case state.Alive:
		return true
	case state.OtherBoot:
		p.about("stale state: pid ", " was recorded before the machine was started")
	case state.Reused:
		p.about("stale state: pid ", " is another process now (start time ").
			Text(state.View(start)).Text(", recorded ").Text(state.View(id.Start)).Text(")")
	case state.Unknown:
		p.about("cannot verify pid ", ": cannot read its /proc/<pid>/stat or the boot id")
	default:
		p.ended(standing)
	}
	return false
}

// runs judges a process of which only the pid is known.
func (p *Probe) runs() bool {
	standing, exists, _ := p.Look(p.Pid)
	switch {
	case standing == state.Alive || standing == state.Unknown && exists:
		return true
	case standing == state.Unknown:
		standing = state.Gone
	}
	p.ended(standing)
	return false
}

func (p *Probe) ended(s state.Standing) {
	if s == state.Dead {
		p.about("pid ", " has ended (a zombie)")
		return
	}
	p.about("pid ", " is not running")
}

func (p *Probe) about(before, after string) *Line {
	return p.unhealthy().Text(before).Number(int64(p.Pid)).Text(after)
}
