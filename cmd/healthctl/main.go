//go:build unix

// A process that lives for milliseconds need not watch its CPU limit.
//go:debug updatemaxprocs=0

// Healthctl records an application's health, for healthprobe to read: for shell
// entrypoints, and for applications that cannot do it themselves. Each command
// has a file with its -h text and a function that calls package writer or
// verdict. The function returns an error, which main maps to an exit status.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
	"github.com/healthprobe/healthprobe/internal/version"
)

// commands are in the order of an application's life.
var commands = []command{
	loadCommand, setCommand, beatCommand, resetCommand, execCommand, runCommand, statusCommand, installCommand,
	{name: "version", summary: "print the version", about: "Prints the version, the commit and the platform.\n", exits: "0 done, 2 wrong usage.", run: printVersion},
}

// command is a command: what its -h prints, and what runs it.
type command struct {
	name    string
	args    string // what follows the flags
	summary string // for healthctl -h
	about   string // a paragraph
	exits   string // the exit statuses
	example string // may be empty
	run     func(*invocation) error

	negativeArg bool // the first argument may be a negative number
}

func main() { os.Exit(finish(dispatch(os.Args[1:]))) }

// dispatch runs the command that the arguments name.
func dispatch(args []string) error {
	if len(args) == 0 {
		return wrongCommand("no command")
	}
	name, args := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help", "help":
		if len(args) == 0 || strings.HasPrefix(args[0], "-") {
			printUsage()
			return nil
		}
		name, args = args[0], []string{"-h"}
	case "-version", "--version":
		name = "version"
	case commandToStart:
		return runChild(args)
	}
	for _, c := range commands {
		if c.name == name {
			sys.Ending = c.name != runCommand.name
			return c.run(newInvocation(&c, args))
		}
	}
	if sharedFlags().isFlag(name) {
		return wrongCommand("flags must come after the command: " + name)
	}
	return wrongCommand(fmt.Sprintf("unknown command %q", name))
}

// sharedFlags returns an invocation with the flags that most commands share.
func sharedFlags() *invocation {
	i := newInvocation(&command{}, nil)
	i.unitFlags()
	return i
}

func wrongCommand(what string) error {
	var names []string
	for _, c := range commands {
		names = append(names, c.name)
	}
	return usageError(fmt.Sprintf("healthctl: %s: the commands are %s; see healthctl -h", what, strings.Join(names, ", ")))
}

func printVersion(i *invocation) error {
	if err := i.parseNoArgs(); err != nil {
		return err
	}
	fmt.Print(version.Append(new(text.Line), "healthctl", "runtime").End())
	return nil
}

// usageError is a wrong command line. Its text is the whole message.
type usageError string

func (e usageError) Error() string { return string(e) }

// statusError is an error with an exit status of its own.
type statusError struct {
	err    error
	status int
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// exitStatus is an error that has been reported already.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errUnhealthy is returned by status after it has printed an unhealthy unit.
var errUnhealthy = errors.New("a unit is unhealthy")

// finish prints an error, on one line, and returns the exit status for it.
// Nothing else knows exit statuses, but for the special ones: a statusError.
func finish(err error) int {
	var usage usageError
	var special *statusError
	var status exitStatus
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUnhealthy):
		return 1
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		printError(usage.Error())
		return 2
	}
	printError("healthctl: " + err.Error())
	if errors.As(err, &special) {
		return special.status
	}
	return 1
}

// withoutPath returns err without its operation and path, for messages that have
// named the path already.
func withoutPath(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func printError(message string) error {
	line := []byte(message)
	text.Sanitize(line)
	_, err := fmt.Fprintf(os.Stderr, "%s\n", line)
	return err
}
