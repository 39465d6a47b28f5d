package writer

import (
	"errors"
	"fmt"
	"os"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/sys"
)

// Option changes which unit Open returns. Open ignores one that is nil, and
// checks the values: an Option itself never fails.
type Option interface{ apply(*config) }

// config is what the options and the environment ask for.
type config struct {
	runDir, name string
	pid          int
	givenPid     bool // by WithPid
	anyOwner     bool
}

type option func(*config)

func (o option) apply(c *config) { o(c) }

// WithName names the unit: 1 to 255 bytes, no slash, no NUL, not "." or "..".
// The default is $LIVENESS_UNIT_NAME, else the host name.
func WithName(name string) Option { return option(func(c *config) { c.name = name }) }

// WithRunDir sets the run directory, in which each unit has a directory of its
// own. The path must be absolute, since the probe may run in another working
// directory. Load makes it if it does not exist. The default is
// $LIVENESS_RUNDIR, else /run.
func WithRunDir(dir string) Option { return option(func(c *config) { c.runDir = dir }) }

// WithPid makes the Unit act for another process than the calling one, as a
// supervisor does for its child. pid is 1 to 2^31-1, as the calling process's
// pid namespace counts.
func WithPid(pid int) Option {
	return option(func(c *config) { c.pid, c.givenPid = pid, true })
}

// WithAnyOwner makes Set, Beat, Reset, Ready and Live act on behalf of the unit's
// current owner, whichever process that is. It is for tools, such as healthctl,
// that are not the application. Load fails with it, and it cannot be combined with
// WithPid.
func WithAnyOwner() Option { return option(func(c *config) { c.anyOwner = true }) }

// configure reads the environment, applies the options and checks the result.
func configure(options []Option) (config, error) {
	c := config{runDir: os.Getenv(state.RunDirEnv), name: os.Getenv(state.UnitEnv), pid: os.Getpid()}
	if c.runDir == "" {
		c.runDir = state.DefaultRunDir
	}
	if c.name == "" {
		c.name = sys.HostName()
	}
	for _, o := range options {
		if o != nil {
			o.apply(&c)
		}
	}
	if problem := state.UnitProblem(c.name); problem != "" {
		return config{}, fmt.Errorf("the unit name %q %s", c.name, problem)
	}
	if problem := state.RunDirProblem(c.runDir); problem != "" {
		return config{}, fmt.Errorf("the run directory %q %s", c.runDir, problem)
	}
	if c.pid < 1 || c.pid > state.MaxNumber {
		return config{}, fmt.Errorf("pid %d: want 1 to %d", c.pid, state.MaxNumber)
	}
	if c.givenPid && c.anyOwner {
		return config{}, errors.New("WithPid and WithAnyOwner cannot be combined")
	}
	return c, nil
}
