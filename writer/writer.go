package writer

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
)

// Unit is a process's place in the run directory, and its view of it. Open makes
// one. It is safe for concurrent use.
type Unit struct {
	runDir, name string
	pid          int  // the process it speaks for
	given        bool // by WithPid
	anyOwner     bool

	mu     sync.Mutex // one call at a time, which the lock on disk would do more slowly
	loaded bool
}

// Option changes what Open opens.
type Option func(*Unit) error

// WithName names the unit: 1 to 255 bytes, no slash, no NUL, not "." or "..".
// The default is $LIVENESS_UNIT_NAME, else the host name.
func WithName(name string) Option {
	return func(u *Unit) error {
		u.name = name
		return nil
	}
}

// WithRunDir names the directory that holds the units' directories. It has to
// exist. The default is $LIVENESS_RUNDIR, else /run.
func WithRunDir(dir string) Option {
	return func(u *Unit) error {
		u.runDir = dir
		if dir == "" {
			return errors.New("the run directory's name is empty")
		}
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

// Open finds out which unit is meant. It touches no file.
func Open(options ...Option) (*Unit, error) {
	u := &Unit{runDir: os.Getenv(state.RunDirEnv), name: os.Getenv(state.UnitEnv), pid: os.Getpid()}
	if u.runDir == "" {
		u.runDir = state.DefaultRunDir
	}
	if u.name == "" {
		u.name = state.HostName(new(state.Utsname))
	}
	for _, option := range options {
		if err := option(u); err != nil {
			return nil, fmt.Errorf("open: %w", err)
		}
	}
	if problem := state.UnitProblem(u.name); problem != "" {
		return nil, fmt.Errorf("open: unit name %q %s", u.name, problem)
	}
	if u.given && u.anyOwner {
		return nil, errors.New("open: WithPid and WithAnyOwner exclude each other")
	}
	return u, nil
}

// Name is the unit's name.
func (u *Unit) Name() string { return u.name }

// RunDir is the directory that holds the unit's directory.
func (u *Unit) RunDir() string { return u.runDir }

// Dir is the unit's directory.
func (u *Unit) Dir() string { return u.runDir + "/" + u.name } // as the probe puts it together

// lock takes the unit's lock, and makes the directory if told to.
func (u *Unit) lock(create bool) (*state.Dir, error) {
	d, err := state.Lock(u.Dir(), create)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, refuse(ErrLocked, "%s has been locked by another process for %v: try again, and look for one that is stopped (lslocks)", u.Dir(), state.LockWait)
	}
	return d, err
}
