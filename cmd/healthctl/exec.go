//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/writer"
)

var execCommand = command{
	name:    "exec",
	args:    "[--] COMMAND [ARG]...",
	summary: "load, set 0, then become the application",
	about: `For an application that you cannot change: records itself, sets CODE, then
becomes COMMAND by execve(2), which keeps the pid and the start time. So CODE is
set before COMMAND is ready. If it needs a while, start with -set 1 or -no-set,
and run healthctl set 0 in the container when it is ready.
` + signalsNote,
	exits: `COMMAND's own, or, if COMMAND was not started, 1 a check failed or
load was refused, 2 wrong usage, 126 COMMAND cannot be executed, 127 it was not
found, 128+N signal N came before it ran.`,
	example: `Example, in a Dockerfile (name the unit in the environment, where the probe
sees it too):
  ENV LIVENESS_UNIT_NAME=web
  ENTRYPOINT ["/healthctl", "exec", "/server"]
`,
	run: execute,
}

func execute(i *invocation) error {
	first := firstStateFlags(i)
	c := checkFlags(i)
	i.unitFlags()
	argv, err := i.parseCommand(first.problem, c.problem)
	if err != nil {
		return err
	}
	u, err := i.open()
	if err != nil {
		return err
	}
	return loadAndBecome(i.command.name, u, c, argv, func() ([]string, error) { return environment(), first.record(u) })
}

// loadAndBecome loads the unit for this process, which then becomes argv by execve(2). It
// returns only if that fails. last comes just before, and returns the environment.
func loadAndBecome(op string, u *writer.Unit, c *checks, argv []string, last func() (env []string, err error)) error {
	inherited := hasChildren() // before the checks start any
	ctx, stop := untilInterrupted(context.Background())
	if err := c.load(ctx, u, nil); err != nil {
		return err
	}
	// As pid 1 this process is the parent of what the checks left behind, and COMMAND
	// does not expect children. Those from before exec are COMMAND's to wait for.
	if !inherited {
		reap()
	}
	return withReset(u, become(op, u.Name(), argv, last, stop))
}

// firstState is what exec sets before COMMAND runs.
type firstState struct {
	none      *bool // -no-set was given
	code      int
	set       bool // -set was given
	reason    string
	hasReason bool
}

func firstStateFlags(i *invocation) *firstState {
	f := new(firstState)
	i.value("set", "CODE", "the code to set (default 0, healthy)", func(s string) error {
		var ok bool
		if f.code, ok = parseCode(s); !ok || f.code < 0 || f.code > state.MaxNumber {
			return errors.New("want a number from 0 to 2147483647")
		}
		f.set = true
		return nil
	})
	i.value("reason", "TEXT", "the reason for CODE, as in healthctl set; needs -set", func(s string) error {
		f.reason, f.hasReason = s, true
		return nil
	})
	f.none = i.toggle("no-set", "set nothing: not ready until the first healthctl set 0, and\nwithout a heartbeat until the first set")
	return f
}

// problem returns what is wrong with the combination of flags, or "".
func (f *firstState) problem() string {
	switch {
	case *f.none && f.set:
		return "-no-set and -set cannot be combined"
	case *f.none && f.hasReason:
		return "-no-set and -reason cannot be combined"
	case f.hasReason && !f.set: // a reason belongs to a code, as in healthctl set
		return "-reason needs -set CODE"
	}
	return ""
}

// record sets the code and the reason, unless -no-set was given.
func (f *firstState) record(u *writer.Unit) error {
	if *f.none {
		return nil
	}
	return u.SetReason(f.code, f.reason)
}

// become becomes the command by execve(2). It returns only if that fails, or if a signal
// came before; stop reports that.
func become(op, unit string, argv []string, last func() (env []string, err error), stop func() error) error {
	path, err := lookPath(argv[0])
	if err == nil {
		path, err = checkExecutable(path) // before anything is recorded
	}
	if err != nil {
		return cannotExecute(op, unit, argv[0], err)
	}
	env, err := last()
	if err != nil {
		return err
	}
	if err := stop(); err != nil {
		return fmt.Errorf("%s %s: %w", op, unit, err)
	}
	return cannotExecute(op, unit, argv[0], replaceProcess(path, argv, env))
}

// cannotExecute returns the error for a COMMAND that did not start.
func cannotExecute(op, unit, command string, err error) error {
	return &statusError{fmt.Errorf("%s %s: %s: %w", op, unit, command, withoutLookup(err)), commandStatus(err)}
}

// commandStatus returns the exit status that shells have for a program that did not start.
func commandStatus(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return 127
	}
	return 126
}

// withoutLookup returns err without the name that was looked up.
func withoutLookup(err error) error {
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		return lookup.Err
	}
	return err
}
