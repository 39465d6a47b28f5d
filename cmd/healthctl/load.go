//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/writer"
)

var loadCommand = command{
	name:    "load",
	args:    "[--] [ARG]...",
	summary: "run checks and, if all pass, record the application's pid",
	about: `Runs the checks in the order given and, if all pass, records the application:
it is now alive, and not ready until the first healthctl set 0. The files of a
previous process are removed first. Load fails if another live process owns the
unit. Every check is run with all ARGs, and with LIVENESS_RUNDIR and
LIVENESS_UNIT_NAME in its environment.
`,
	exits: `0 loaded, 1 a check failed or load was refused, 2 wrong usage, 128+N
signal N ended it.`,
	example: `Example:
  $ healthctl load -pid $$ -check /checks/database
  healthctl: load web: check /checks/database: exit status 3
`,
	run: load,
}

func load(i *invocation) error {
	pid := i.pidFlag("the application's pid; write -pid $$ in a shell (default:\nthe pid of the parent process)")
	c := checkFlags(i)
	i.unitFlags()
	args, err := i.parseStrict()
	if err != nil {
		return err
	}
	if problem := c.problem(); problem != "" {
		return i.wrong("%s", problem)
	}
	if len(args) > 0 && len(c.paths) == 0 {
		return i.wrong("unexpected argument %q: arguments are for checks, and there is no -check", args[0])
	}
	app := pid.value
	var last []writer.Check
	if !pid.given {
		// Read the parent before the first check: if it ends meanwhile we are
		// reparented. Load itself detects a reused pid.
		app = os.Getppid()
		if app == 0 {
			return errors.New("load: the parent process is in another pid namespace: name the process to record with -pid")
		}
		last = append(last, sameParent(app))
	}
	u, err := i.open(writer.WithPid(app))
	if err != nil {
		return err
	}
	ctx, stop := untilInterrupted(context.Background())
	if err := c.load(ctx, u, args, last...); err != nil {
		return err
	}
	if err := stop(); err != nil { // too late for Load to notice
		return withReset(u, fmt.Errorf("load %s: %w", u.Name(), err))
	}
	return nil
}

// withReset resets a unit that was loaded for nothing, and returns err, with that of
// Reset if there is one.
func withReset(u *writer.Unit, err error) error {
	if e := u.Reset(); e != nil {
		return fmt.Errorf("%w; %w", err, e)
	}
	return err
}

// sameParent fails if this process has another parent by now.
func sameParent(parent int) writer.Check {
	return writer.Check{Name: "parent", Run: func(context.Context) error {
		if now := os.Getppid(); now != parent {
			return fmt.Errorf("pid %d has exited, and pid %d is the parent now: name the process to record with -pid", parent, now)
		}
		return nil
	}}
}

// checks are executables that must pass before load or exec records a process.
type checks struct {
	paths   []string
	timeout time.Duration // 0 is none
	retry   time.Duration // between two runs of a check that fails; 0: it is run once
}

func checkFlags(i *invocation) *checks {
	c := new(checks)
	i.value("check", "PATH", "a program to run, without a shell: exit status 0 passes, 1\nmeans \"not healthy\", and any other failure is reported as\nwhat it is. Give it again for more", func(path string) error {
		if path == "" {
			return errors.New("a check needs a path")
		}
		c.paths = append(c.paths, path)
		return nil
	})
	i.duration("timeout", "how long all checks together may take, such as 10s (default:\nno limit); the running check is killed then, with its\nprocess group", &c.timeout)
	i.duration("retry", "run a check that fails again every D, until -timeout, such as\nto wait for a database; not one that cannot be executed", &c.retry)
	return c
}

// problem returns what is wrong with the combination of flags, or "".
func (c *checks) problem() string {
	switch {
	case c.retry != 0 && c.timeout == 0:
		return "-retry needs -timeout D"
	case c.retry != 0 && len(c.paths) == 0:
		return "-retry needs -check PATH"
	}
	return ""
}

// load runs the checks, each with args, then those in last, and records the
// process if all pass.
func (c *checks) load(ctx context.Context, u *writer.Unit, args []string, last ...writer.Check) error {
	var list []writer.Check
	for _, path := range c.paths {
		list = append(list, writer.Check{Name: path, Run: func(ctx context.Context) error { return c.try(ctx, u, path, args) }})
	}
	if c.timeout != 0 {
		var stop func()
		ctx, stop = context.WithTimeout(ctx, c.timeout)
		defer stop()
	}
	err := u.Load(ctx, append(list, last...)...)
	if errors.Is(err, context.Canceled) { // between two checks
		err = fmt.Errorf("load %s: %w", u.Name(), context.Cause(ctx))
	}
	return err
}

// try runs a check, and with -retry again until it passes.
func (c *checks) try(ctx context.Context, u *writer.Unit, path string, args []string) error {
	var before error // of the last run that failed by itself
	for {
		err := c.run(ctx, u, path, args)
		switch {
		case err != nil && before != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
			return fmt.Errorf("still failing after %v: %w", c.timeout, before)
		case err == nil || c.retry == 0 || !mayPass(err):
			return err
		}
		before = err
		select {
		case <-time.After(c.retry):
		case <-ctx.Done(): // the next run does not begin
		}
	}
}

// mayPass reports whether a check that failed with err may pass later: it has run, and
// neither it nor a script around it says that a program cannot be executed.
func mayPass(err error) bool {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode() != 126 && exit.ExitCode() != 127
	}
	return errors.Is(err, writer.ErrUnhealthy)
}

// run runs one check. Its output goes to standard error, since standard output is
// healthctl's own. It has a process group of its own, so that all of it can be killed.
func (c *checks) run(ctx context.Context, u *writer.Unit, name string, args []string) error {
	path, err := lookPath(name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Args[0] = name
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), state.RunDirEnv+"="+u.RunDir(), state.UnitEnv+"="+u.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return cmd.Process.Kill() // it may have gone to another group
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("timed out after %v", c.timeout)
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return writer.ErrUnhealthy
	}
	return err
}
