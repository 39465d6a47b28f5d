//go:build unix

package writer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
	"golang.org/x/sys/unix"
)

// unitError is a refusal. Its text need not begin with that of its kind.
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

// ambiguous reports whether check could not find out who owns the unit.
func ambiguous(err error) bool {
	var refused *unitError
	return err != nil && (!errors.As(err, &refused) || refused.ambiguous)
}

func isAbsent(err error) bool { return errors.Is(err, os.ErrNotExist) }

// stateError is a set that failed, with what the error file holds now.
type stateError struct {
	cause error
	state string
}

func (e *stateError) Error() string { return e.cause.Error() + "; " + e.state }
func (e *stateError) Unwrap() error { return e.cause }

// describe adds to an error the operation, the unit, and what to do if that is
// known. Errors that name both already stay as they are.
func (u *Unit) describe(op string, err error) error {
	var check *CheckError
	var unhealthy *Unhealthy
	if err == nil || errors.As(err, &check) || errors.As(err, &unhealthy) {
		return err
	}
	var failed *stateError
	if errors.As(err, &failed) {
		return fmt.Errorf("%s %s: %w%s; %s", op, u.name, failed.cause, u.hint(failed.cause), failed.state)
	}
	return fmt.Errorf("%s %s: %w%s", op, u.name, err, u.hint(err))
}

// hint returns what to do about an error of the system, to follow it, or "". A
// refusal says it already.
func (u *Unit) hint(err error) string {
	var file *os.PathError
	var refused *unitError
	if errors.As(err, &refused) || !errors.As(err, &file) {
		return ""
	}
	runDir, e := os.Stat(u.runDir)
	switch {
	case isAbsent(e):
		return fmt.Sprintf(": the run directory %s does not exist, and load cannot make it: make it, mount an emptyDir or a tmpfs there, or set %s to another", u.runDir, state.RunDirEnv)
	case errors.Is(e, syscall.ENOTDIR), e == nil && !runDir.IsDir():
		return fmt.Sprintf(": the run directory %s is not a directory: set %s to one", u.runDir, state.RunDirEnv)
	case errors.Is(err, syscall.EROFS):
		return fmt.Sprintf(": the file system is read-only: mount an emptyDir or a tmpfs at %s, or set %s to a directory that uid %d can write to", u.runDir, state.RunDirEnv, os.Geteuid())
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		if hint := u.fileHint(file); hint != "" {
			return hint
		}
		verb := "write"
		if file.Op == "read" || file.Op == "open" {
			verb = "read"
		}
		return fmt.Sprintf(": uid %d cannot %s there: prepare %s for this user, mount an emptyDir or a tmpfs at %s, or set %s to a directory that it can write to",
			os.Geteuid(), verb, u.Dir(), u.runDir, state.RunDirEnv)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return ": " + u.Dir() + " must be a directory (symbolic links are not followed): remove what is there"
	case errors.Is(err, errForeign):
		return ": another program put it there: remove it, and set again"
	case errors.Is(err, syscall.EISDIR):
		return ": it must be a file: remove the directory"
	case errors.Is(err, syscall.EBUSY):
		return fmt.Sprintf(": something is mounted there: mount a directory, such as %s, and no single file", u.runDir)
	case file.Op == "flock" && (errors.Is(err, syscall.ENOLCK) || errors.Is(err, errors.ErrUnsupported)): // ENOSYS, EOPNOTSUPP
		return fmt.Sprintf(": the file system cannot lock files: mount an emptyDir or a tmpfs at %s, or set %s to a directory on another", u.runDir, state.RunDirEnv)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return ": no descriptor is left: close some, or raise the limit (ulimit -n)"
	}
	return ""
}

// fileHint returns what to do if a file of the unit stands in the way, and not the
// directory; "" if that is not so.
func (u *Unit) fileHint(file *os.PathError) string {
	var st, dir unix.Stat_t
	inside := strings.HasPrefix(file.Path, u.Dir()+"/") && unix.Lstat(file.Path, &st) == nil && unix.Stat(u.Dir(), &dir) == nil
	if !inside || unix.Access(u.Dir(), unix.W_OK) != nil {
		return ""
	}
	notOurs := fmt.Sprintf(": uid %d may not write this file of uid %d", os.Geteuid(), st.Uid)
	switch file.Op {
	case "remove", "rename":
		if dir.Mode&unix.S_ISVTX != 0 {
			return fmt.Sprintf(": %s has the sticky bit, so only uid %d, who made this file, and uid %d can replace it: run this as one of them, or take that bit away (chmod -t %s)",
				u.Dir(), st.Uid, dir.Uid, u.Dir())
		}
	case "lock":
		return notOurs + ": remove it while nothing changes the unit, and try again"
	case "open", "touch":
		return notOurs + ": set again, which replaces it"
	}
	return ""
}
