package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/writer"
)

const loadUsage = `Usage: healthctl load [-pid PID] [-timeout D] [-check PATH]... [--] [ARG]...

Runs the checks in the order given and, if all pass, records the application:
until the first set it is alive, but not healthy. What an earlier process left
is removed first; a unit that another live process owns is refused.

  -pid PID      the application's pid; write -pid $$ in a shell that will exec
                the application (default: the parent process)
  -check PATH   an executable, run without a shell with every ARG, and with
                LIVENESS_RUNDIR and LIVENESS_UNIT_NAME set: exit status 0
                passes, 1 says "not healthy", anything else is passed on
  -timeout D    how long all checks together may take, such as 10s (default: no
                limit); the one that runs is killed then, what it started is not
  -rundir DIR, -unit NAME: see healthctl -h

Exit status: 0 loaded, 1 a check failed or load was refused, 2 wrong usage.

Example:
  $ healthctl load -pid $$ -check /checks/database
  healthctl: load web: check /checks/database: exit status 3
`

func load(args []string) int {
	f := newFlags("load")
	var c checks
	c.flags(f)
	pid := f.pid()
	if status, ok := f.parse(loadUsage, args); !ok {
		return status
	}
	if f.NArg() > 0 && len(c.paths) == 0 {
		return f.misuse(fmt.Sprintf("unexpected argument %q: arguments are for checks, and there is no -check", f.Arg(0)))
	}
	if status, ok := f.strays(args, 0); !ok {
		return status
	}
	list := c.list(f.Args())
	if !pid.given {
		// The parent is read before the first check. Should it end meanwhile, this
		// process gets another; that its pid means another process by then is
		// what Load itself finds out.
		parent := os.Getppid()
		if parent == 0 {
			return fail(errors.New("load: the parent process is in another pid namespace: say which process to record with -pid"))
		}
		pid.value = parent
		list = append(list, writer.Check{Name: "parent", Health: func(context.Context) error {
			if now := os.Getppid(); now != parent {
				return fmt.Errorf("pid %d has ended, and pid %d is the parent now: say which process to record with -pid", parent, now)
			}
			return nil
		}})
	}
	u, status := f.open(writer.WithPid(pid.value))
	if u == nil {
		return status
	}
	if err := c.load(u, list); err != nil {
		return fail(err)
	}
	return done
}

// checks are executables that have to pass; load and exec take them.
type checks struct {
	paths   []string
	timeout time.Duration
	unit    *writer.Unit // set before they run
}

func (c *checks) flags(f *flags) {
	f.Func("timeout", "", func(s string) (err error) {
		if c.timeout, err = time.ParseDuration(s); err != nil || c.timeout <= 0 {
			return errors.New("want a duration above 0, such as 10s")
		}
		return nil
	})
	f.Func("check", "", func(path string) error {
		if path == "" {
			return errors.New("a check needs a path")
		}
		c.paths = append(c.paths, path)
		return nil
	})
}

func (c *checks) list(args []string) []writer.Check {
	var list []writer.Check
	for _, path := range c.paths {
		list = append(list, writer.Check{Name: path, Health: func(ctx context.Context) error { return c.run(ctx, path, args) }})
	}
	return list
}

func (c *checks) load(u *writer.Unit, list []writer.Check) error {
	c.unit = u
	ctx := context.Background()
	if c.timeout != 0 {
		var stop func()
		ctx, stop = context.WithTimeout(ctx, c.timeout)
		defer stop()
	}
	return u.Load(ctx, list...)
}

// run runs one check. Its output goes to standard error: what healthctl prints
// on standard output is its own.
func (c *checks) run(ctx context.Context, path string, args []string) error {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), state.RunDirEnv+"="+c.unit.RunDir(), state.UnitEnv+"="+c.unit.Name())
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("timed out after %v", c.timeout)
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return writer.ErrUnhealthy
	}
	return err
}
