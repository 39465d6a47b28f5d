package state

import "github.com/healthprobe/healthprobe/internal/text"

// The names of the files in a unit directory: see the package documentation.
const (
	PidFile      = "pid"
	ErrorFile    = "error"
	IdentityFile = "identity"
	ReasonFile   = "reason"
)

// The maximum size of each file in bytes, newline included.
const (
	PidLimit      = 64
	ErrorLimit    = 64
	IdentityLimit = 128
	ReasonLimit   = 512
)

// Where a unit is, without flags.
const (
	RunDirEnv     = "LIVENESS_RUNDIR"
	UnitEnv       = "LIVENESS_UNIT_NAME"
	DefaultRunDir = "/run"
)

// MaxNumber is the largest pid and the largest code: 2^31-1.
const MaxNumber = 1<<31 - 1

// UnitProblem returns what is wrong with a unit name, as the end of a sentence that
// begins with "the unit name", or "".
func UnitProblem(name string) string {
	switch {
	case name == "":
		return "must not be empty"
	case len(name) > 255:
		return "must be at most 255 bytes"
	case name == "." || name == "..":
		return `must not be "." or ".."`
	}
	for i := range len(name) {
		if name[i] == '/' || name[i] == 0 {
			return "must not contain a slash or a NUL byte"
		}
	}
	return ""
}

// RunDirProblem returns what is wrong with a run directory, as the end of a sentence
// that begins with its path, or "". A relative path would be another directory for
// the probe, which the engine starts in a directory of its choice.
func RunDirProblem(dir string) string {
	if dir == "" || dir[0] != '/' {
		return "must be an absolute path"
	}
	return ""
}

// ParseNumber reads a canonical decimal from 0 to MaxNumber: a code, or a pid, for
// which the caller has to exclude 0.
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

// FormatNumber returns the content of a pid or error file. It points into buf.
func FormatNumber(buf *[PidLimit]byte, n int32) []byte {
	return withNewline(buf[:], text.PutNumber(buf[:], 0, int64(n)))
}

// Identity is the process that a pid meant. Start and Boot are text.
type Identity struct {
	Pid   int32
	Start []byte // clock ticks after boot: field 22 of proc(5) /proc/<pid>/task/<pid>/stat
	Boot  []byte // boot_id, or "btime-<seconds>[-<nanoseconds>]", or "-"
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
	if _, _, ok := parseBootTime(boot); ok {
		return id, true
	}
	for _, c := range boot {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && c != '-' {
			return Identity{}, false
		}
	}
	return id, true
}

// FormatIdentity returns the content of an identity file. It points into buf.
func FormatIdentity(buf *[IdentityLimit]byte, id Identity) []byte {
	n := text.PutNumber(buf[:], 0, int64(id.Pid))
	n = text.Put(buf[:], n, " ")
	n = text.Put(buf[:], n, text.String(id.Start))
	n = text.Put(buf[:], n, " ")
	n = text.Put(buf[:], n, text.String(id.Boot))
	return withNewline(buf[:], n)
}

// ParseReason returns the text of a trimmed reason file if it belongs to code.
// Sanitize it before printing: it may hold anything.
func ParseReason(b []byte, code int32) (reason []byte, ok bool) {
	first, reason := cut(b)
	n, ok := ParseNumber(first)
	return reason, ok && n == code
}

// FormatReason returns the content of a reason file for code: reason sanitized and
// cut to fit. It points into buf.
func FormatReason(buf *[ReasonLimit]byte, code int32, reason string) []byte {
	n := text.PutNumber(buf[:], 0, int64(code))
	n = text.Put(buf[:], n, " ")
	n = text.Put(buf[:], n, reason)
	line := text.Clip(text.Prefix(buf[:], n), ReasonLimit-1) // leaves room for the newline
	text.Sanitize(line)
	return withNewline(buf[:], len(line))
}

// withNewline returns the first n bytes of b, and a newline that it adds to b.
func withNewline(b []byte, n int) []byte { return text.Prefix(b, text.Put(b, n, "\n")) }

// cut splits at the first blank. after is nil if there is none.
func cut(b []byte) (before, after []byte) { return cutAt(b, ' ') }

func cutAt(b []byte, separator byte) (before, after []byte) {
	for i, c := range b {
		if c == separator {
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
