package writer

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
)

// identify finds out which process pid is now. Start is empty where there is no
// /proc to tell.
func identify(pid int) (state.Identity, error) {
	var r state.Reader
	standing, exists, start := r.Look(int32(pid))
	id := state.Identity{Pid: int32(pid), Start: start}
	switch {
	case standing.Ended(), standing == state.Unknown && !exists:
		return id, refuse(ErrGone, "pid %d is not running", pid)
	case standing == state.Unknown:
		if _, e := new(state.Reader).Stat(int32(os.Getpid())); e == syscall.ENOENT {
			return id, nil // no /proc, or no Linux
		}
		return id, refuse(ErrOwned, "cannot tell which process pid %d is: /proc/%d/stat cannot be read (hidepid? run this as the process's user)", pid, pid)
	}
	boot, e := new(state.Reader).BootID()
	switch e {
	case 0:
		id.Boot = boot
	case syscall.ENOENT:
		id.Boot = []byte("-")
	default:
		return id, &os.PathError{Op: "read", Path: "/proc/sys/kernel/random/boot_id", Err: e}
	}
	if _, ok := state.ParseIdentity(state.AppendIdentity(nil, id)); !ok {
		return id, refuse(ErrOwned, "cannot tell which boot this is: /proc/sys/kernel/random/boot_id holds %q", boot)
	}
	return id, nil
}

func same(a, b state.Identity) bool {
	return a.Pid == b.Pid && string(a.Start) == string(b.Start)
}

// record is what a unit directory says about the process that owns it.
type record struct {
	pid       int32          // from the pid file; 0: none
	pidHeld   string         // what the pid file holds, if not a pid
	id        state.Identity // Pid 0: none
	malformed bool           // there is an identity file, but it holds none
	standing  state.Standing // of id
}

func read(d *state.Dir) (r record, err error) {
	held, err := content(d, state.PidFile, state.PidLimit)
	if err != nil {
		return r, err
	}
	if pid, ok := state.ParseNumber(held); ok {
		r.pid = pid
	} else {
		r.pidHeld = string(held)
	}
	held, err = content(d, state.IdentityFile, state.IdentityLimit)
	if err != nil {
		return r, err
	}
	var ok bool
	if r.id, ok = state.ParseIdentity(held); ok {
		r.standing, _ = new(state.Reader).Inspect(r.id)
	}
	r.malformed = held != nil && !ok
	return r, nil
}

// content reads a file that somebody may have made into something else: what is
// no regular file of the right size holds no value, but it is there.
func content(d *state.Dir, name string, limit int) ([]byte, error) {
	held, err := d.Read(name, limit)
	for _, e := range []error{syscall.EFBIG, syscall.ELOOP, syscall.ESPIPE, syscall.ENXIO, syscall.EISDIR} {
		if errors.Is(err, e) {
			return []byte("(" + e.Error() + ")"), nil
		}
	}
	return held, err
}

// free refuses if another live process than me owns the unit, or one of which
// cannot be told whether it lives.
func (u *Unit) free(r record, me state.Identity) error {
	switch {
	case r.id.Pid == 0, r.standing.Ended():
		return nil
	case r.id.Pid == me.Pid && (same(r.id, me) || len(me.Start) == 0):
		return nil
	case r.standing == state.Unknown:
		return u.unknown(r)
	}
	return refuse(ErrOwned, "pid %d owns the unit and is alive: use another unit name (%s) or stop that process", r.id.Pid, state.UnitEnv)
}

func (u *Unit) unknown(r record) error {
	return &refusal{ErrOwned, fmt.Sprintf("cannot tell whether pid %d, which %s/identity names, is alive: its /proc/%d/stat or the boot id cannot be read (hidepid? run this as the process's user)",
		r.id.Pid, u.Dir(), r.id.Pid), true}
}

// mine refuses unless the process that the unit speaks for is the one that is
// recorded, and lives. A directory without identity was made by another
// program: there a pid is enough, as it is for that program.
func (u *Unit) mine(r record) error {
	demand := int32(u.pid)
	if u.anyOwner {
		demand = r.pid
	}
	switch {
	case r.pid == 0 && r.pidHeld == "":
		return refuse(ErrNotLoaded, "not loaded: no pid in %s: load first", u.Dir())
	case r.pid == 0:
		return refuse(ErrNotLoaded, "not loaded: %s/pid holds %q, which is no pid: load again", u.Dir(), r.pidHeld)
	case r.malformed:
		return refuse(ErrNotLoaded, "not loaded: %s/identity is malformed: load again, or remove it if another program wrote pid", u.Dir())
	case r.id.Pid == 0 && r.pid != demand && (u.given || u.loaded):
		return refuse(ErrOwned, "%s/pid holds %d, not %d: another program has loaded the unit", u.Dir(), r.pid, demand)
	case r.id.Pid == 0:
		return nil
	case r.id.Pid != r.pid:
		return refuse(ErrNotLoaded, "not loaded: %s/identity names pid %d, but pid holds %d: load again, or remove identity if another program wrote pid", u.Dir(), r.id.Pid, r.pid)
	case r.standing == state.Unknown:
		return u.unknown(r)
	case r.pid != demand && (u.loaded || !r.standing.Ended()):
		return refuse(ErrOwned, "pid %d has loaded the unit, not pid %d", r.pid, demand)
	case r.standing.Ended():
		return refuse(ErrGone, "pid %d, which loaded the unit, has ended: load again", r.pid)
	}
	return nil
}
