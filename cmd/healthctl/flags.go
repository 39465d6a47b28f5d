//go:build unix

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/writer"
)

// invocation is one run of a command: its arguments, and the flags that it
// defines, each with its line for -h.
type invocation struct {
	command *command
	words   []string // behind the command's name
	flags   *flag.FlagSet
	help    []flagHelp
	values  int             // how many words there are up to the last flag's value
	options []writer.Option // from -rundir and -unit
	runDir  string          // from -rundir
	unit    string          // from -unit
}

type flagHelp struct{ left, right string }

func newInvocation(c *command, words []string) *invocation {
	f := flag.NewFlagSet("healthctl "+c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // usageError has the message, on one line
	return &invocation{command: c, words: words, flags: f}
}

// value defines a flag with a value.
func (i *invocation) value(name, placeholder, help string, set func(string) error) {
	i.help = append(i.help, flagHelp{"-" + name + " " + placeholder, help})
	i.flags.Func(name, "", func(s string) error {
		i.values = len(i.words) - i.flags.NArg()
		return set(s)
	})
}

// toggle defines a flag without one.
func (i *invocation) toggle(name, help string) *bool {
	i.help = append(i.help, flagHelp{"-" + name, help})
	return i.flags.Bool(name, false, "")
}

// unitFlags defines -rundir and -unit.
func (i *invocation) unitFlags() {
	i.value("rundir", "DIR", "where the units keep their state (default $"+state.RunDirEnv+", "+state.DefaultRunDir+")", func(dir string) error {
		i.runDir = dir
		i.options = append(i.options, writer.WithRunDir(dir))
		return nil
	})
	i.value("unit", "NAME", "which unit (default $"+state.UnitEnv+", the host name)", func(name string) error {
		i.unit = name
		i.options = append(i.options, writer.WithName(name))
		return nil
	})
}

// pidFlag is -pid, and whether it was given: every value of it is checked.
type pidFlag struct {
	given bool
	value int
}

func (i *invocation) pidFlag(help string) *pidFlag {
	p := new(pidFlag)
	i.value("pid", "PID", help, func(s string) (err error) {
		p.given = true
		if p.value, err = strconv.Atoi(s); err != nil {
			return errors.New("want a pid, such as $$ in a shell")
		}
		return nil
	})
	return p
}

// owner returns the option for the process that the command speaks for: without
// -pid whichever owns the unit.
func (p *pidFlag) owner() writer.Option {
	if p.given {
		return writer.WithPid(p.value)
	}
	return writer.WithAnyOwner()
}

// parse parses the flags. With -h it prints the help and returns flag.ErrHelp.
func (i *invocation) parse() error {
	return i.parsed(i.flags.Parse(i.words))
}

// parsed does what parse does with the error of package flag.
func (i *invocation) parsed(err error) error {
	unknown, isUnknown := unknownFlag(err)
	switch {
	case errors.Is(err, flag.ErrHelp):
		i.printHelp()
		return err
	case isUnknown && len(i.help) == 0:
		return usageError(fmt.Sprintf("%s: unknown flag %s: it takes none; see %[1]s -h", i.flags.Name(), unknown))
	case isUnknown:
		var names []string
		i.flags.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
		return usageError(fmt.Sprintf("%s: unknown flag %s: the flags are %s; see %[1]s -h", i.flags.Name(), unknown, strings.Join(names, ", ")))
	case err != nil:
		return i.wrong("%v", err)
	}
	return nil
}

// unknownFlag returns the flag that package flag stopped at, if it does not know
// it.
func unknownFlag(err error) (name string, ok bool) {
	if err == nil {
		return "", false
	}
	return strings.CutPrefix(err.Error(), "flag provided but not defined: ")
}

// parseNoArgs is parse for a command without arguments.
func (i *invocation) parseNoArgs() error {
	if err := i.parse(); err != nil {
		return err
	}
	if len(i.args()) > 0 {
		return i.wrong("unexpected argument %q", i.args()[0])
	}
	return nil
}

// args returns what is behind the flags.
func (i *invocation) args() []string { return i.flags.Args() }

// checkStrayFlags refuses a flag among the arguments, where it would have no
// effect, unless "--" before them marks it as an argument.
func (i *invocation) checkStrayFlags(args []string) error {
	for _, arg := range args {
		if i.isFlag(arg) {
			return i.wrong("flags must come before the arguments: %s (write -- before the arguments if it is one)", arg)
		}
	}
	return nil
}

// separated reports whether "--" stands before the arguments, and not as the
// value of a flag.
func (i *invocation) separated() bool {
	before := len(i.words) - len(i.args()) - 1
	return before >= i.values && i.words[before] == "--"
}

// isFlag reports whether an argument looks like a flag that is defined.
func (i *invocation) isFlag(arg string) bool {
	name, dashed := strings.CutPrefix(strings.Replace(arg, "--", "-", 1), "-")
	name, _, _ = strings.Cut(name, "=")
	return dashed && i.flags.Lookup(name) != nil
}

// open opens the unit. A name or directory that cannot be one is wrong usage.
func (i *invocation) open(more ...writer.Option) (*writer.Unit, error) {
	u, err := writer.Open(append(i.options, more...)...)
	if err != nil {
		return nil, i.wrong("%v", err)
	}
	return u, nil
}

// wrong returns the error for a wrong command line.
func (i *invocation) wrong(format string, args ...any) error {
	return usageError(fmt.Sprintf("%s: %s: see %[1]s -h", i.flags.Name(), fmt.Sprintf(format, args...)))
}

func (i *invocation) printHelp() {
	c := i.command
	fmt.Print("Usage: ", i.flags.Name())
	if len(i.help) > 0 {
		fmt.Print(" [flags]")
	}
	if c.args != "" {
		fmt.Print(" ", c.args)
	}
	fmt.Print("\n\n", c.about, "\n")
	if i.printFlags(); len(i.help) > 0 {
		fmt.Println()
	}
	fmt.Printf("Exit status: %s\n\n", c.exits)
	if c.example != "" {
		fmt.Print(c.example, "\n")
	}
	fmt.Print(documentation)
}

func (i *invocation) printFlags() {
	width := 0
	for _, h := range i.help {
		width = max(width, len(h.left))
	}
	for _, h := range i.help {
		indent := "\n" + strings.Repeat(" ", 2+width+2)
		fmt.Printf("  %-*s  %s\n", width, h.left, strings.ReplaceAll(h.right, "\n", indent))
	}
}
