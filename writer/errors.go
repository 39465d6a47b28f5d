package writer

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
)

// Why a call was refused; test for them with errors.Is. The text of the error
// has more: the unit, the file, what it held and what to do.
var (
	// ErrNotLoaded: no process is recorded. Call Load first.
	ErrNotLoaded = errors.New("not loaded")
	// ErrNotSet: there is nothing to beat for. Call Set first.
	ErrNotSet = errors.New("not set yet")
	// ErrGone: the process that is recorded, or is to be, has exited.
	ErrGone = errors.New("the process is gone")
	// ErrOwned: another live process owns the unit, or one that may be alive.
	ErrOwned = errors.New("another process owns the unit")
	// ErrLocked: another process held the unit's lock for 2 seconds. Try again.
	ErrLocked = errors.New("the unit is locked")
)

// ErrUnhealthy is what a Check returns to say "no", and nothing more.
var ErrUnhealthy = errors.New("not healthy")

// CheckError is a check that made Load fail.
type CheckError struct {
	Unit string // that was to be loaded
	Name string // of the check
	Err  error  // what it returned
}

func (e *CheckError) Error() string {
	return "load " + e.Unit + ": check " + e.Name + ": " + e.Err.Error()
}

// Unwrap returns what the check returned, for errors.Is and errors.As.
func (e *CheckError) Unwrap() error { return e.Err }

// unitError is an error whose text need not begin with that of its kind.
type unitError struct {
	kind      error
	text      string
	ambiguous bool // it is not known who owns the unit
}

func (e *unitError) Error() string { return e.text }
func (e *unitError) Unwrap() error { return e.kind }

func refuse(kind error, format string, args ...any) *unitError {
	return &unitError{kind: kind, text: fmt.Sprintf(format, args...)}
}

// wrap adds the operation and the unit.
func (u *Unit) wrap(op string, err error) error {
	var check *CheckError
	if err == nil || errors.As(err, &check) { // it names both already
		return err
	}
	return fmt.Errorf("%s %s: %w", op, u.name, u.addHint(err))
}

// addHint adds what to do about an error of the system whose cause is known.
func (u *Unit) addHint(err error) error {
	var file *os.PathError
	var refused *unitError
	if errors.As(err, &refused) || !errors.As(err, &file) {
		return err
	}
	hint := ""
	runDir, e := os.Stat(u.runDir)
	switch {
	case errors.Is(e, os.ErrNotExist):
		hint = fmt.Sprintf("the run directory %s does not exist, and load cannot make it: make it, mount an emptyDir or a tmpfs there, or set %s to another", u.runDir, state.RunDirEnv)
	case errors.Is(e, syscall.ENOTDIR), e == nil && !runDir.IsDir():
		hint = fmt.Sprintf("the run directory %s is not a directory: set %s to one", u.runDir, state.RunDirEnv)
	case errors.Is(err, syscall.EROFS):
		hint = fmt.Sprintf("the file system is read-only: mount an emptyDir or a tmpfs at %s, or set %s to a directory that uid %d can write to", u.runDir, state.RunDirEnv, os.Geteuid())
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		verb := "write"
		if file.Op == "read" || file.Op == "open" {
			verb = "read"
		}
		hint = fmt.Sprintf("uid %d cannot %s there: prepare %s for this user, mount an emptyDir or a tmpfs at %s, or set %s to a directory that it can write to",
			os.Geteuid(), verb, u.Dir(), u.runDir, state.RunDirEnv)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		hint = u.Dir() + " must be a directory (symbolic links are not followed): remove what is there"
	case errors.Is(err, errForeign):
		hint = "another program put it there: remove it, and set again"
	case errors.Is(err, syscall.EISDIR):
		hint = "it must be a file: remove the directory"
	default:
		return err
	}
	return refuse(err, "%v: %s", err, hint)
}
