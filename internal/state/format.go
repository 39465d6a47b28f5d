package state

import "strconv"

// The files of a unit directory; see the package doc.
const (
	PidFile      = "pid"
	ErrorFile    = "error"
	IdentityFile = "identity"
	ReasonFile   = "reason"
)

// The most bytes that each file may hold, the newline included.
const (
	PidLimit      = 64
	ErrorLimit    = 64
	IdentityLimit = 128
	ReasonLimit   = 512
)

// Where a unit is when no flag says so.
const (
	RunDirEnv     = "LIVENESS_RUNDIR"
	UnitEnv       = "LIVENESS_UNIT_NAME"
	DefaultRunDir = "/run"
)

// MaxNumber is the largest pid and the largest code: 2^31-1.
const MaxNumber = 1<<31 - 1

// UnitProblem says what is wrong with a unit name; "" if nothing is.
func UnitProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > 255:
		return "is longer than 255 bytes"
	case name == "." || name == "..":
		return "is no name for a directory"
	}
	for i := range len(name) {
		if name[i] == '/' || name[i] == 0 {
			return "holds a slash or a NUL"
		}
	}
	return ""
}

// Trim cuts ASCII white space from both ends.
func Trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// ParseNumber reads a canonical decimal from 0 to MaxNumber: a pid (which must
// not be 0 as well) or a code.
func ParseNumber(b []byte) (n int32, ok bool) {
	if len(b) == 0 || len(b) > 10 || len(b) > 1 && b[0] == '0' {
		return 0, false
	}
	var v int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if v > MaxNumber {
		return 0, false
	}
	return int32(v), true
}

// AppendNumber appends the content of a pid or error file, without the newline.
func AppendNumber(dst []byte, n int32) []byte { return strconv.AppendInt(dst, int64(n), 10) }

// Identity says which process a pid meant. Start and Boot are text.
type Identity struct {
	Pid   int32
	Start []byte // clock ticks after boot: field 22 of proc(5) /proc/<pid>/stat
	Boot  []byte // boot_id, or "-"
}

// ParseIdentity reads the trimmed content of the identity file. The fields of
// the result point into b.
func ParseIdentity(b []byte) (id Identity, ok bool) {
	pid, rest := cut(b)
	start, boot := cut(rest)
	id = Identity{Start: start, Boot: boot}
	id.Pid, ok = ParseNumber(pid)
	if !ok || id.Pid == 0 || !isDigits(start) || len(boot) == 0 {
		return Identity{}, false
	}
	for _, c := range boot {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && c != '-' {
			return Identity{}, false
		}
	}
	return id, true
}

// AppendIdentity appends the content of an identity file, without the newline.
func AppendIdentity(dst []byte, id Identity) []byte {
	dst = strconv.AppendInt(dst, int64(id.Pid), 10)
	dst = append(append(dst, ' '), id.Start...)
	return append(append(dst, ' '), id.Boot...)
}

// ParseReason gives the text of a trimmed reason file if it belongs to code.
// The text may still hold anything: pass it through Clean before printing.
func ParseReason(b []byte, code int32) (text []byte, ok bool) {
	first, text := cut(b)
	n, ok := ParseNumber(first)
	return text, ok && n == code
}

// AppendReason appends the content of a reason file for code, without the
// newline: control characters replaced, cut to what the file may hold.
func AppendReason(dst []byte, code int32, text string) []byte {
	head := len(dst)
	dst = append(strconv.AppendInt(dst, int64(code), 10), ' ')
	body := len(dst)
	dst = append(dst, text...)
	Clean(dst[body:])
	return append(dst[:head], Clip(dst[head:], ReasonLimit-1)...)
}

// cut splits at the first blank. after is nil if there is none.
func cut(b []byte) (before, after []byte) {
	for i, c := range b {
		if c == ' ' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
