package writer

import "errors"

// Why a call was refused; test for them with errors.Is. The text of the error
// has more: the unit, the file, what it held and what to do.
var (
	// ErrNotLoaded: no process is recorded. Call Load first.
	ErrNotLoaded = errors.New("not loaded")
	// ErrNotSet: there is nothing to beat for. Call Set first.
	ErrNotSet = errors.New("not set yet")
	// ErrGone: the process that is recorded, or is to be, has exited.
	ErrGone = errors.New("the process is gone")
	// ErrOwned: another live process owns the unit, or it cannot be told whether one
	// does, or which process this is: the text says which.
	ErrOwned = errors.New("another process owns the unit")
	// ErrLocked: the unit's lock could not be had within 2 seconds. Try again.
	ErrLocked = errors.New("the unit is locked")
)

// ErrUnhealthy is what a Check returns to say "no", and nothing more.
var ErrUnhealthy = errors.New("not healthy")

// CheckError is the check that made Load fail.
type CheckError struct {
	Unit string // name of the unit being loaded; "" for a nil Unit
	Name string // name of the check
	Err  error  // what the check returned, or why it was not run
}

// Error names the unit, the check and what it returned.
func (e *CheckError) Error() string {
	text := "check " + e.Name + ": " + e.Err.Error()
	if e.Unit == "" {
		return "load: " + text
	}
	return "load " + e.Unit + ": " + text
}

// Unwrap returns what the check returned, for errors.Is and errors.As.
func (e *CheckError) Unwrap() error { return e.Err }

// Unhealthy is why Ready or Live says no.
type Unhealthy struct {
	Cause string // stable, such as "not-set": a heading of docs/messages.md
	Line  string // what healthprobe prints: "unhealthy: web: error 3: upstream db unreachable"
}

// Error returns Line.
func (e *Unhealthy) Error() string { return e.Line }

// nilUnhealthy is the answer of a nil Unit.
func nilUnhealthy() error {
	return &Unhealthy{Cause: "not-loaded", Line: "unhealthy: not loaded: the application runs without its unit (the *writer.Unit is nil)"}
}
