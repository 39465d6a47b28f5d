//go:build unix

package writer

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/text"
)

// identify returns which process pid is now. Start is empty where there is no
// /proc to read it from.
func identify(pid int) (state.Identity, error) {
	p := new(state.Reader).Lookup(int32(pid))
	id := state.Identity{Pid: int32(pid), Start: p.Start}
	boot, e := new(state.Reader).BootID()
	hasProc := len(p.Start) > 0 || e != syscall.ENOENT
	switch {
	case hasProc && !new(state.Reader).ProcIsOf(int32(os.Getpid())):
		return id, refuse(ErrOwned, "cannot tell which process pid %d is: /proc belongs to another pid namespace: mount the one of this namespace (unshare --mount-proc)", pid)
	case p.Ended(), p.Status == state.Unknown && !p.Exists:
		return id, refuse(ErrGone, "pid %d is not running", pid)
	case p.Status == state.Unknown && !hasProc: // or no Linux
		return id, nil
	case p.Status == state.Unknown:
		return id, refuse(ErrOwned, "cannot tell which process pid %d is: cannot read /proc/%[1]d/task/%[1]d/stat (hidepid? run this as the process's user)", pid)
	}
	switch e {
	case 0:
		id.Boot = boot
	case syscall.ENOENT:
		id.Boot = []byte("-")
	default:
		return id, &os.PathError{Op: "read", Path: state.BootIDPath, Err: e}
	}
	var buf [state.IdentityLimit]byte
	if _, ok := state.ParseIdentity(text.Trim(state.FormatIdentity(&buf, id))); !ok {
		return id, refuse(ErrOwned, "cannot tell which boot this is: %s holds %q", state.BootIDPath, boot)
	}
	return id, nil
}

func same(a, b state.Identity) bool {
	return a.Pid == b.Pid && string(a.Start) == string(b.Start)
}

// owner is what a unit directory records about the process that owns it.
type owner struct {
	pid       int32          // from the pid file; 0: none
	badPid    string         // what is wrong with the pid file; "": it holds a pid, or is absent
	id        state.Identity // Pid 0: none
	malformed bool           // there is an identity file, but it holds none
	process   state.Process  // that id means
}

// readOwner reads who owns the unit.
func readOwner(d *directory) (o owner, err error) {
	held, problem, err := d.content(state.PidFile, state.PidLimit)
	if err != nil {
		return o, err
	}
	pid, ok := state.ParseNumber(held)
	switch {
	case ok && pid > 0:
		o.pid = pid
	case held != nil && problem == "":
		o.badPid = fmt.Sprintf("holds %q, which is not a pid", held)
	default:
		o.badPid = problem
	}
	held, problem, err = d.content(state.IdentityFile, state.IdentityLimit)
	if err != nil {
		return o, err
	}
	if o.id, ok = state.ParseIdentity(held); ok {
		o.process = new(state.Reader).Verify(o.id)
	}
	o.malformed = !ok && (held != nil || problem != "")
	return o, nil
}

// stamps are those of pid and identity. While they stay the same the files do, and
// need not be read again; neither does /proc for a process that speaks for itself,
// since its start time and the boot cannot change.
type stamps struct{ pid, identity stamp }

// stamp tells a file from one that takes its place, and from itself before a
// change. Nobody can set the change time; see inode(7).
type stamp struct {
	inode   uint64 // 0: there is no file
	changed int64  // nanoseconds since 1970
	uid     int    // the file's owner
}

// settled reports whether the file exists and any further change gets another
// time: the kernel's clock for files moves on every 1 to 10 ms.
func (s stamp) settled() bool {
	return s.inode != 0 && time.Since(time.Unix(0, s.changed)) > time.Second
}

// checkOwnership returns an error unless the recorded process is the one that the Unit acts
// for, and alive.
func (u *Unit) checkOwnership(d *directory) error {
	if u.anyOwner || u.pid != os.Getpid() {
		return u.readAndCheck(d)
	}
	now := d.stamps()
	d.pidOwner = now.pid.uid
	if known := u.ours.Load(); known != nil && *known == now {
		return nil
	}
	if err := u.readAndCheck(d); err != nil {
		return err
	}
	u.named.Store(&now)
	if now.pid.settled() && now.identity.settled() {
		u.ours.Store(&now)
	}
	return nil
}

func (u *Unit) readAndCheck(d *directory) error {
	o, err := readOwner(d)
	if err != nil {
		return err
	}
	d.actFor(int(o.pid))
	return u.checkOwner(o)
}

// knows reports whether pid and identity are still those that named us last: that
// this Unit has written, or has found to name its own process. It reads nothing.
func (u *Unit) knows(d *directory) bool {
	named := u.named.Load()
	return named != nil && *named == d.stamps()
}

// actFor notes for which process the call is.
func (d *directory) actFor(pid int) {
	if pid != os.Getpid() {
		d.process = pid
	}
}

// checkFree returns an error if another live process than me owns the unit, or
// one that may be alive.
func (u *Unit) checkFree(o owner, me state.Identity) error {
	switch {
	case o.id.Pid == 0, o.process.Ended():
		return nil
	case o.id.Pid == me.Pid && (same(o.id, me) || len(me.Start) == 0):
		return nil
	case o.process.Status == state.Unknown:
		return u.cannotTell(o)
	}
	return refuse(ErrOwned, "pid %d owns the unit and is alive: use another unit name (%s) or stop that process", o.id.Pid, state.UnitEnv)
}

func (u *Unit) cannotTell(o owner) error {
	err := refuse(ErrOwned, "cannot tell whether pid %[1]d, which %[2]s/identity names, is alive: cannot read /proc/%[1]d/task/%[1]d/stat or the boot id (hidepid? run this as the process's user)",
		o.id.Pid, u.Dir())
	err.ambiguous = true
	return err
}

// checkOwner returns an error unless the process that the Unit acts for is the
// recorded one, and alive. A directory without identity was made by another
// program: there a pid is enough, as it is for that program.
func (u *Unit) checkOwner(o owner) error {
	demand := int32(u.pid)
	if u.anyOwner {
		demand = o.pid
	}
	switch {
	case o.pid == 0 && o.badPid == "":
		return refuse(ErrNotLoaded, "not loaded: no pid in %s: load first", u.Dir())
	case o.pid == 0:
		return refuse(ErrNotLoaded, "not loaded: %s/pid %s: load again", u.Dir(), o.badPid)
	case o.malformed:
		return refuse(ErrNotLoaded, "not loaded: %s/identity is malformed: load again, or remove it if another program wrote pid", u.Dir())
	case o.id.Pid == 0 && o.pid != demand && (u.givenPid || u.loaded.Load()):
		return u.ownedByProgram(o.pid)
	case o.id.Pid == 0:
		return nil
	case o.id.Pid != o.pid:
		return refuse(ErrNotLoaded, "not loaded: %s/identity names pid %d, but pid holds %d: load again, or remove identity if another program wrote pid", u.Dir(), o.id.Pid, o.pid)
	case o.process.Status == state.Unknown:
		return u.cannotTell(o)
	case o.pid != demand && (u.loaded.Load() || !o.process.Ended()):
		return u.ownedBy(o.pid)
	case o.process.Status == state.Gone: // or so it looks from another pid namespace
		return refuse(ErrGone, "pid %d, which loaded the unit, is not running in this pid namespace: load again, in the application's own container", o.pid)
	case o.process.Ended():
		return refuse(ErrGone, "pid %d, which loaded the unit, has exited: load again", o.pid)
	}
	return nil
}

// ownedBy is ErrOwned for a unit that another process has loaded.
func (u *Unit) ownedBy(pid int32) error {
	return refuse(ErrOwned, "the unit was loaded by pid %d, not by pid %d: give each process its own unit name", pid, u.pid)
}

// ownedByProgram is ownedBy where another program wrote the files.
func (u *Unit) ownedByProgram(pid int32) error {
	return refuse(ErrOwned, "%s/%s holds %d, not %d: another program has loaded the unit", u.Dir(), state.PidFile, pid, u.pid)
}
