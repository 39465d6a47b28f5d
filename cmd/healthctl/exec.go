package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/writer"
)

const execUsage = `Usage: healthctl exec [-set CODE] [-timeout D] [-check PATH]... COMMAND [ARG]...

For an application that knows nothing of this: records itself, sets CODE, then
becomes COMMAND by execve(2), which keeps the pid and the start time.

  -set CODE     the first state (default 0, healthy)
  -check PATH, -timeout D: see healthctl load -h
  -rundir DIR, -unit NAME: see healthctl -h

Exit status: that of COMMAND; 1 a check failed or load was refused, 2 wrong
usage, 126 COMMAND cannot be executed, 127 it was not found.

Example, in a Dockerfile (name the unit in the environment, where the probe
sees it too):
  ENV LIVENESS_UNIT_NAME=web
  ENTRYPOINT ["/healthctl", "exec", "/server"]
`

func execute(args []string) int {
	f := newFlags("exec")
	var c checks
	c.flags(f)
	code := 0
	f.Func("set", "", func(s string) error {
		var ok bool
		if code, ok = parseCode(s); !ok || code < 0 || code > state.MaxNumber {
			return errors.New("want a number from 0 to 2147483647")
		}
		return nil
	})
	if status, ok := f.parse(execUsage, args); !ok {
		return status
	}
	if f.NArg() == 0 || f.Arg(0) == "" {
		return f.misuse("no COMMAND")
	}
	u, status := f.open()
	if u == nil {
		return status
	}
	if err := c.load(u, c.list(nil)); err != nil {
		return fail(err)
	}
	path, err := exec.LookPath(f.Arg(0))
	if err == nil {
		if err := u.Set(code); err != nil {
			return giveUp(u, err, failed)
		}
		err = syscall.Exec(path, f.Args(), os.Environ())
	}
	status = 126
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		status = 127
	}
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		err = lookup.Err
	}
	return giveUp(u, fmt.Errorf("exec %s: %s: %w", u.Name(), f.Arg(0), err), status)
}

// giveUp undoes the load of a command that will not run.
func giveUp(u *writer.Unit, err error, status int) int {
	fail(err)
	if err := u.Reset(); err != nil {
		fail(err)
	}
	return status
}
