//go:build unix

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/writer"
)

// invocation is one run of a command: the words after the command's name, the
// flags that it takes, and what -rundir and -unit said.
type invocation struct {
	command *command
	words   []string
	flags   *flag.FlagSet
	help    []flagHelp
	options []writer.Option // from -rundir and -unit
	runDir  string          // from -rundir
	unit    string          // from -unit
}

// flagHelp is what -h prints about a flag: "-unit NAME", and its meaning.
type flagHelp struct{ synopsis, meaning string }

func newInvocation(c *command, words []string) *invocation {
	f := flag.NewFlagSet("healthctl "+c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // wrong has the message, on one line
	return &invocation{command: c, words: words, flags: f}
}

// value defines a flag that takes a value.
func (i *invocation) value(name, placeholder, help string, set func(string) error) {
	i.help = append(i.help, flagHelp{"-" + name + " " + placeholder, help})
	i.flags.Func(name, "", set)
}

// toggle defines a flag that takes none.
func (i *invocation) toggle(name, help string) *bool {
	i.help = append(i.help, flagHelp{"-" + name, help})
	return i.flags.Bool(name, false, "")
}

// duration defines a flag for a time above 0.
func (i *invocation) duration(name, help string, d *time.Duration) {
	i.value(name, "D", help, func(s string) (err error) {
		if *d, err = time.ParseDuration(s); err != nil || *d <= 0 {
			return errors.New("want a duration above 0, such as 10s")
		}
		return nil
	})
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

// pidFlag is the value of -pid, if it was given.
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

// owner returns the option for the process that has to own the unit: without
// -pid, any process may.
func (p *pidFlag) owner() writer.Option {
	if p.given {
		return writer.WithPid(p.value)
	}
	return writer.WithAnyOwner()
}

// parse sets the flags and returns the arguments.
func (i *invocation) parse() (args []string, err error) {
	rest, err := i.parseFlags()
	if err == nil && len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	return rest, err
}

// parseCommand is parse for exec and run, whose arguments are a COMMAND. problems return
// what is wrong with the combination of flags, or "".
func (i *invocation) parseCommand(problems ...func() string) (argv []string, err error) {
	argv, err = i.parse()
	if err != nil {
		return nil, err
	}
	if len(argv) == 0 || argv[0] == "" {
		return nil, i.wrong("no COMMAND")
	}
	for _, problem := range problems {
		if text := problem(); text != "" {
			return nil, i.wrong("%s", text)
		}
	}
	return argv, nil
}

// parseNoArgs is parse for a command that takes no arguments.
func (i *invocation) parseNoArgs() error {
	args, err := i.parse()
	if err == nil && len(args) > 0 {
		return i.wrong("unexpected argument %q", args[0])
	}
	return err
}

// parseStrict is parse for a command that refuses its own flags among the
// arguments, where they would have no effect. A "--" before the arguments marks
// all of them as arguments.
func (i *invocation) parseStrict() (args []string, err error) {
	args, err = i.parseFlags()
	if err != nil || len(args) == 0 {
		return nil, err
	}
	if args[0] == "--" {
		return args[1:], nil
	}
	for _, arg := range args {
		if i.isFlag(arg) {
			return nil, i.wrong("flags must come before the arguments: %s (write -- before the arguments if it is one)", arg)
		}
	}
	return args, nil
}

// parseFlags sets the flags and returns what follows: "--" and arguments, or
// just arguments. With -h it prints the help and returns flag.ErrHelp.
func (i *invocation) parseFlags() (rest []string, err error) {
	n, err := i.countFlags()
	if err != nil {
		return nil, err
	}
	err = i.flags.Parse(i.words[:n])
	if errors.Is(err, flag.ErrHelp) {
		i.printHelp()
		return nil, err
	}
	if err != nil {
		return nil, i.wrong("%v", err)
	}
	return i.words[n:], nil
}

// countFlags returns how many words are flags and their values. Package flag would
// take a CODE of -1 for a flag, and does not tell whether it has dropped a "--" or
// taken it for a value.
func (i *invocation) countFlags() (int, error) {
	for n := 0; n < len(i.words); n++ {
		name, dashed := flagName(i.words[n])
		if !dashed || i.command.negativeArg && isNegative(i.words[n]) {
			return n, nil
		}
		if name == "h" || name == "help" {
			return n + 1, nil
		}
		f := i.flags.Lookup(name)
		if f == nil {
			return 0, i.unknownFlag(name)
		}
		if takesValue(f) && !strings.Contains(i.words[n], "=") {
			n++
		}
	}
	return len(i.words), nil
}

// flagName returns the flag that a word such as --unit=web names. dashed
// reports whether the word looks like a flag at all.
func flagName(word string) (name string, dashed bool) {
	if !strings.HasPrefix(word, "-") || word == "-" || word == "--" {
		return "", false
	}
	name, _, _ = strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
	return name, true
}

func takesValue(f *flag.Flag) bool {
	toggle, ok := f.Value.(interface{ IsBoolFlag() bool })
	return !ok || !toggle.IsBoolFlag()
}

// isFlag reports whether a word names a flag that the command takes.
func (i *invocation) isFlag(word string) bool {
	name, dashed := flagName(word)
	return dashed && i.flags.Lookup(name) != nil
}

func (i *invocation) unknownFlag(name string) error {
	known := "it takes none"
	if len(i.help) > 0 {
		var names []string
		i.flags.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
		known = "the flags are " + strings.Join(names, ", ")
	}
	return usageError(fmt.Sprintf("%s: unknown flag -%s: %s; see %[1]s -h", i.name(), name, known))
}

// wrong returns the error for a wrong command line.
func (i *invocation) wrong(format string, args ...any) error {
	return usageError(fmt.Sprintf("%s: %s: see %[1]s -h", i.name(), fmt.Sprintf(format, args...)))
}

func (i *invocation) name() string { return i.flags.Name() }

// open opens the unit. A bad name or run directory is wrong usage.
func (i *invocation) open(more ...writer.Option) (*writer.Unit, error) {
	u, err := writer.Open(append(i.options, more...)...)
	if err != nil {
		return nil, i.wrong("%v", err)
	}
	return u, nil
}
