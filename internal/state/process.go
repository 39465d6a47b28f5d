package state

import "syscall"

// Stat is what this project reads from /proc/<pid>/stat; see proc(5).
type Stat struct {
	State   byte   // field 3
	Threads int32  // field 20, num_threads
	Start   []byte // field 22, starttime, in clock ticks after boot
}

// ParseStat reads a line of /proc/<pid>/stat; Start points into it. The process
// chooses the name in field 2, blanks, parentheses and newlines included, so
// the fields are counted from the last closing parenthesis.
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
		case 22: // more must follow, or the line was cut inside this field
			s.Start = word
			return s, isDigits(word) && rest != nil
		}
	}
	return Stat{}, false
}

// Dead reports whether the process has ended although it still has its number:
// X and x are dying, Z is a zombie unless other threads still run (a leader
// that called pthread_exit shows Z until the last of them ends).
func (s Stat) Dead() bool {
	return s.State == 'X' || s.State == 'x' || s.State == 'Z' && s.Threads <= 1
}

// Standing is what can be said of a process: whether it runs, and whether it is
// the one that was recorded.
type Standing uint8

const (
	Unknown   Standing = iota // cannot tell
	Alive                     // runs, and is the very one if an identity was asked for
	Gone                      // no process has this pid
	Dead                      // a zombie: ended, but not yet waited for
	Reused                    // another process has the pid now
	OtherBoot                 // recorded before the machine was started
)

// Ended reports whether the process that was recorded is certain to be no more.
// Unknown is not: "cannot tell" is never "no".
func (s Standing) Ended() bool { return s >= Gone }

// Look asks what pid is now: Unknown, Alive, Gone or Dead. exists is the answer
// of kill(pid, 0) where /proc gave none. start is the start time; it points
// into r.
func (r *Reader) Look(pid int32) (s Standing, exists bool, start []byte) {
	line, e := r.Stat(pid)
	if e == 0 {
		if st, ok := ParseStat(line); ok {
			if st.Dead() {
				return Dead, true, st.Start
			}
			return Alive, true, st.Start
		}
	}
	answer := kill0(pid)
	exists = answer == 0 || answer == syscall.EPERM
	if answer == syscall.ESRCH && (e == syscall.ENOENT || e == syscall.ESRCH) {
		return Gone, false, nil
	}
	return Unknown, exists, nil
}

// Inspect asks whether the process that id means is alive. start is the start
// time of the process that has the pid now; it points into r.
func (r *Reader) Inspect(id Identity) (s Standing, start []byte) {
	if View(id.Boot) != "-" {
		switch boot, e := r.BootID(); {
		case e == syscall.ENOENT: // nothing to compare with
		case e != 0:
			return Unknown, nil
		case View(boot) != View(id.Boot):
			return OtherBoot, nil
		}
	}
	s, _, start = r.Look(id.Pid)
	if s == Alive && View(start) != View(id.Start) {
		return Reused, start
	}
	return s, start
}
