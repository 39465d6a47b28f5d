package state

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
)

// Stat has the fields of /proc/<pid>/stat that matter here: see proc(5).
type Stat struct {
	State   byte   // field 3
	Threads int32  // field 20, num_threads
	Start   []byte // field 22, starttime, in clock ticks after boot
}

// ParseStat reads a line of /proc/<pid>/stat; Start points into it. Field 2 is a name
// that the process chooses, and may hold blanks, parentheses and newlines, so fields
// are counted from the last closing parenthesis.
func ParseStat(line []byte) (s Stat, ok bool) {
	var rest []byte
	for i, c := range line {
		if c == ')' {
			rest = line[i+1:]
		}
	}
	_, rest = cut(rest)
	for field := 3; rest != nil; field++ {
		var word []byte
		word, rest = cut(rest)
		switch field {
		case 3:
			if len(word) != 1 {
				return Stat{}, false
			}
			s.State = word[0]
		case 20:
			if s.Threads, ok = ParseNumber(word); !ok {
				return Stat{}, false
			}
		case 22: // more must follow, or the line was cut off inside this field
			s.Start = word
			return s, isDigits(word) && rest != nil
		}
	}
	return Stat{}, false
}

// Dead reports whether the process has exited, although it still has its pid: X and x
// are dying, and Z is a zombie unless other threads still run (a leader that called
// pthread_exit shows Z until the last of them exits).
func (s *Stat) Dead() bool {
	return s.State == 'X' || s.State == 'x' || s.State == 'Z' && s.Threads <= 1
}

// Status is what is known about a process: whether it runs, and whether it is the
// recorded one.
type Status uint8

const (
	Unknown   Status = iota // cannot tell
	Alive                   // runs and, from Verify, is the recorded one
	Gone                    // no process has this pid
	Zombie                  // has exited but not been reaped
	Reused                  // another process has the pid now
	OtherBoot               // recorded before the last boot
)

// Process is what Lookup or Verify found out about a pid.
type Process struct {
	Status Status
	Exists bool   // some process has the pid, according to kill(pid, 0) or /proc
	Start  []byte // its start time, if readable; points into the Reader

	// The reason for Unknown: the error of Stat, or 0 if the line is malformed. With
	// BootErr it is the error of reading the boot id.
	Err     syscall.Errno
	BootErr bool
}

// Ended reports whether the recorded process has certainly exited. Unknown is not
// certain: "cannot tell" is never "no".
func (p *Process) Ended() bool { return p.Status >= Gone }

// Stat reads /proc/<pid>/task/<pid>/stat; the line points into r. The error is ENOENT if
// there is no such file, and ESRCH if the process exits after it was opened.
//
// It holds what /proc/<pid>/stat does, for a thread's id and for a leader that has
// exited as well. But qemu-user makes that up for a process that reads its own, start
// time included, so that an emulated process would record another one than the kernel's.
func (r *Reader) Stat(pid int32) (line []byte, e syscall.Errno) {
	n := text.Put(r.path[:], 0, "/proc/")
	n = text.PutNumber(r.path[:], n, int64(pid))
	n = text.Put(r.path[:], n, "/task/")
	n = text.PutNumber(r.path[:], n, int64(pid))
	n = text.Put(r.path[:], n, "/stat")
	text.PutByte(r.path[:], n, 0)
	line, e = r.read(-1, &r.path[0], r.stat[:])
	if e == syscall.EFBIG { // there are more fields than needed
		e = 0
	}
	return line, e
}

// Lookup returns what pid is now: Unknown, Alive, Gone or Zombie.
func (r *Reader) Lookup(pid int32) (p Process) {
	line, e := r.Stat(pid)
	if e == 0 {
		if st, ok := ParseStat(line); ok {
			p.Status, p.Exists, p.Start = Alive, true, st.Start
			if st.Dead() {
				p.Status = Zombie
			}
			return p
		}
	}
	answer := sys.Kill0(pid)
	p.Exists, p.Err = answer == 0 || answer == syscall.EPERM, e
	if answer == syscall.ESRCH && (e == syscall.ENOENT || e == syscall.ESRCH) {
		p.Status = Gone
	}
	return p
}

// Verify returns whether the process that id means is alive. Start is that of the
// process that has the pid now.
func (r *Reader) Verify(id Identity) (p Process) {
	if text.String(id.Boot) != "-" {
		switch boot, e := r.bootLike(id.Boot); {
		case e == syscall.ENOENT: // nothing to compare with
		case e != 0:
			p.Err, p.BootErr = e, true
			return p
		case !sameBoot(boot, id.Boot):
			p.Status = OtherBoot
			return p
		}
	}
	p = r.Lookup(id.Pid)
	if p.Status == Alive && text.String(p.Start) != text.String(id.Start) {
		p.Status = Reused
	}
	return p
}
