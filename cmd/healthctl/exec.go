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

var execCommand = command{
	name:    "exec",
	args:    "[--] COMMAND [ARG]...",
	summary: "load, set 0, then become the application",
	about: `For an application that you cannot change: records itself, sets CODE, then
becomes COMMAND by execve(2), which keeps the pid and the start time.
`,
	exits: `that of COMMAND. 1 a check failed or load was refused, 2 wrong
usage, 126 COMMAND cannot be executed, 127 it was not found.`,
	example: `Example, in a Dockerfile (name the unit in the environment, where the probe
sees it too):
  ENV LIVENESS_UNIT_NAME=web
  ENTRYPOINT ["/healthctl", "exec", "/server"]
`,
	run: execute,
}

func execute(i *invocation) error {
	code := 0
	i.value("set", "CODE", "the first state (default 0, healthy)", func(s string) error {
		var ok bool
		if code, ok = parseCode(s); !ok || code < 0 || code > state.MaxNumber {
			return errors.New("want a number from 0 to 2147483647")
		}
		return nil
	})
	c := checkFlags(i)
	i.unitFlags()
	if err := i.parse(); err != nil {
		return err
	}
	if len(i.args()) == 0 || i.args()[0] == "" {
		return i.wrong("no COMMAND")
	}
	u, err := i.open()
	if err != nil {
		return err
	}
	reap := reaper()
	if err := c.load(u, c.list(nil)); err != nil {
		return err
	}
	err = become(u, code, i.args(), reap)
	if e := u.Reset(); e != nil { // COMMAND will not run
		err = fmt.Errorf("%w; %w", err, e)
	}
	return err
}

// become records code and then is the command, by execve(2). It returns only if
// that fails. As pid 1 it is the parent of what the checks left behind: it reaps
// what has ended, since the command does not expect children.
func become(u *writer.Unit, code int, argv []string, reap func()) error {
	path, err := exec.LookPath(argv[0])
	if err == nil {
		if err := u.Set(code); err != nil {
			return err
		}
		reap()
		err = syscall.Exec(path, argv, os.Environ())
	}
	status := 126
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		status = 127
	}
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		err = lookup.Err
	}
	return &statusError{fmt.Errorf("exec %s: %s: %w", u.Name(), argv[0], err), status}
}
