package writer

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/sys"
)

// Unit is an application process and its directory below the run directory. Open
// returns one. It is safe for concurrent use.
type Unit struct {
	runDir, name string
	pid          int  // the process it speaks for
	given        bool // by WithPid
	own          bool // that is the calling process, and no other will do
	anyOwner     bool
	exits        bool

	loaded atomic.Bool
	ours   atomic.Pointer[stamps] // of the files that check found to name us
	recent atomic.Pointer[window] // in which Beat need not look again
	turn   chan struct{}          // full while a call has its turn: see lock
}

// Option changes which unit Open returns.
type Option func(*Unit) error

// WithName names the unit: 1 to 255 bytes, no slash, no NUL, not "." or "..".
// The default is $LIVENESS_UNIT_NAME, else the host name.
func WithName(name string) Option {
	return func(u *Unit) error {
		u.name = name
		return nil
	}
}

// WithRunDir names the directory that holds the units' directories, by an
// absolute path. Load makes it if it does not exist. The default is
// $LIVENESS_RUNDIR, else /run.
func WithRunDir(dir string) Option {
	return func(u *Unit) error {
		u.runDir = dir
		return nil
	}
}

// WithPid makes the unit speak for another process than the calling one, as a
// supervisor does for its child.
func WithPid(pid int) Option {
	return func(u *Unit) error {
		u.pid, u.given = pid, true
		if pid < 1 || pid > state.MaxNumber {
			return fmt.Errorf("pid %d: want 1 to %d", pid, state.MaxNumber)
		}
		return nil
	}
}

// WithAnyOwner makes Set, Beat and Reset speak for whichever process owns the
// unit. It is for tools, such as healthctl, that are not the application; Load
// does not work with it.
func WithAnyOwner() Option {
	return func(u *Unit) error {
		u.anyOwner = true
		return nil
	}
}

// WithExit is for tools, such as healthctl, that exit right after the call: the
// kernel closes the files of the unit then, and releasing the lock is the last
// that the call does.
func WithExit() Option {
	return func(u *Unit) error {
		u.exits = true
		return nil
	}
}

// Open returns the unit that the options and the environment name. It touches no
// file. On a system that is not Unix, such as Windows, the error is
// errors.ErrUnsupported: there an application may run without its unit.
func Open(options ...Option) (*Unit, error) {
	if !supported {
		return nil, fmt.Errorf("health is recorded on Unix systems only, not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	u := &Unit{runDir: os.Getenv(state.RunDirEnv), name: os.Getenv(state.UnitEnv), pid: os.Getpid(), turn: make(chan struct{}, 1)}
	if u.runDir == "" {
		u.runDir = state.DefaultRunDir
	}
	if u.name == "" {
		u.name = sys.HostName()
	}
	for _, option := range options {
		if err := option(u); err != nil {
			return nil, err
		}
	}
	if problem := state.UnitProblem(u.name); problem != "" {
		return nil, fmt.Errorf("the unit name %q %s", u.name, problem)
	}
	if problem := state.RunDirProblem(u.runDir); problem != "" {
		return nil, fmt.Errorf("the run directory %q %s", u.runDir, problem)
	}
	if u.given && u.anyOwner {
		return nil, errors.New("WithPid and WithAnyOwner cannot be combined")
	}
	u.own = u.pid == os.Getpid() && !u.anyOwner
	return u, nil
}

// Name returns the unit's name.
func (u *Unit) Name() string { return u.name }

// RunDir returns the directory that holds the unit's directory.
func (u *Unit) RunDir() string { return u.runDir }

// Dir returns the unit's directory.
func (u *Unit) Dir() string { return u.runDir + "/" + u.name } // not cleaned: the probe opens the same path

// lock takes the unit's lock, and with create makes the directory. The calls of
// one Unit take turns before they try, which is faster than competing for the
// lock. All of that ends after lockWait. With urgent, do not wait for the turn:
// an error code must not queue behind heartbeats.
func (u *Unit) lock(create, urgent bool) (*directory, error) {
	deadline := time.Now().Add(lockWait)
	if !urgent && !u.takeTurn(deadline) {
		return nil, refuse(ErrLocked, "other calls of this process have waited for the lock of %s for %v: try again, and look for a stopped process (lslocks names it)", u.Dir(), lockWait)
	}
	d, err := lockDirectory(u.Dir(), create, deadline)
	if err != nil && !urgent {
		<-u.turn
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, refuse(ErrLocked, "another process has held the lock of %s for %v: try again, and look for a stopped process (lslocks names it)", u.Dir(), lockWait)
	}
	if errors.Is(err, errBusy) {
		return nil, refuse(ErrLocked, "other processes have taken the lock of %s in turn for %v: try again, and let fewer callers set and beat, or less often", u.Dir(), lockWait)
	}
	if err == nil && !urgent {
		d.turn = u.turn
	}
	if err == nil {
		d.keepOpen = u.exits
	}
	return d, err
}

// takeTurn waits until no other call of this Unit has its turn. close ends it.
func (u *Unit) takeTurn(deadline time.Time) bool {
	select {
	case u.turn <- struct{}{}:
		return true
	default:
	}
	timeout := time.NewTimer(time.Until(deadline))
	defer timeout.Stop()
	select {
	case u.turn <- struct{}{}:
		return true
	case <-timeout.C:
		return false
	}
}
