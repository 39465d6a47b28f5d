// Package report lets healthctl run, which watches an application from outside, record
// what it found without taking back what somebody else has set. Package writer has the
// rule and the lock that it needs. They meet here, since neither should be public.
package report

// Report is what was found out about the application.
type Report struct {
	Code   int    // 0: ready
	Reason string // for people; may be empty
	// Heartbeat says that the application gave a sign of life. Without it, the time of
	// the last heartbeat stays as it is, even if the code changes.
	Heartbeat bool
}

// Own is what its reporter has written into the error file last, by which a later
// Record tells the reporter's own code from somebody else's. The zero Own is nothing.
type Own struct {
	File    File
	Content string // trimmed; empty if a code could not be recorded, and the file was emptied
	Reason  string
	// Emptied is the change time of a file that was emptied, in nanoseconds since 1970: if
	// somebody else's code cannot be recorded either, it is emptied once more.
	Emptied int64
}

// Record records a report for a *writer.Unit, which must have been opened with WithPid.
// The errors are those of its SetReason, but ErrOwned only if another process is known to
// own the unit.
//
// A report of not ready leaves a nonzero code: its own, or the one that stands. A
// report of ready replaces nothing but the reporter's own code, or "not set". Where it
// replaces nothing, it is a heartbeat only.
var Record func(unit any, r Report, own *Own) error

// File tells a file from another: each set makes a new one. The zero File is none.
type File struct {
	Inode uint64 // which a file system may give to the next file
	Born  int64  // nanoseconds since 1970; 0: it is not known
}
