// A command that lives for milliseconds need not follow its CPU limit.
//go:debug updatemaxprocs=0

// Healthctl keeps the state that healthprobe judges, for shell entrypoints and
// for applications that cannot do it themselves. Each command is a usage text,
// a call of package writer or verdict, and an exit status.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/writer"
)

// version is set by the linker (-X main.version=...).
var version = "devel"

const usage = `Usage: healthctl COMMAND [flags] [arguments]

Keeps the state of a unit, which healthprobe judges.

  load     run checks and, if all pass, record the application's pid
  set      record the application's error code: 0 is healthy
  beat     say that the application is still at work
  reset    make the state what it was before load
  exec     load, set 0, then become the application
  status   show units as healthprobe sees them
  install  copy healthprobe and healthctl into a directory
  version  print the version

Every command but version takes -h, and all but install and version take
  -rundir DIR  where the units keep their state (default $LIVENESS_RUNDIR, /run)
  -unit NAME   which unit (default $LIVENESS_UNIT_NAME, the host name)

Exit status: 0 done, 1 failed or refused, 2 wrong usage.

Example, in a shell entrypoint:
  $ healthctl load -pid $$ -check /checks/database
  healthctl: load web: check /checks/database: not healthy
`

// The exit statuses.
const (
	done       = 0
	failed     = 1
	wrongUsage = 2
)

type command func(args []string) (status int)

var commands = map[string]command{
	"load": load, "set": set, "beat": beat, "reset": reset,
	"exec": execute, "status": status, "install": install, "version": printVersion,
}

func main() {
	if len(os.Args) < 2 {
		os.Exit(misuse("no command"))
	}
	name := os.Args[1]
	args := os.Args[2:]
	switch name {
	case "-h", "-help", "--help", "help":
		if len(args) == 0 {
			fmt.Print(usage)
			os.Exit(done)
		}
		name, args = args[0], []string{"-h"}
	case "-version", "--version":
		name = "version"
	}
	run := commands[name]
	if run == nil && newFlags("").known(name) {
		os.Exit(misuse(fmt.Sprintf("%s stands before the command: flags come behind it", name)))
	}
	if run == nil {
		os.Exit(misuse(fmt.Sprintf("unknown command %q", name)))
	}
	os.Exit(run(args))
}

func printVersion([]string) int {
	fmt.Println("healthctl", version)
	return done
}

// misuse says what is wrong with the command line.
func misuse(what string) int {
	names := slices.Sorted(maps.Keys(commands))
	fmt.Fprintf(os.Stderr, "healthctl: %s: the commands are %s; see healthctl -h\n", what, strings.Join(names, ", "))
	return wrongUsage
}

// fail reports an error: all of them are one line.
func fail(err error) int {
	line := []byte(err.Error())
	state.Clean(line)
	fmt.Fprintf(os.Stderr, "healthctl: %s\n", line)
	return failed
}

// flags are those of one command, with -rundir and -unit among them.
type flags struct {
	*flag.FlagSet
	options []writer.Option
	unit    string // "" unless given
}

func newFlags(name string) *flags {
	f := &flags{FlagSet: newFlagSet(name)}
	f.Func("rundir", "", func(dir string) error {
		f.options = append(f.options, writer.WithRunDir(dir))
		return nil
	})
	f.Func("unit", "", func(name string) error {
		f.unit = name
		f.options = append(f.options, writer.WithName(name))
		return nil
	})
	return f
}

// pidFlag is the -pid of load and set.
type pidFlag struct {
	given bool
	value int
}

func (f *flags) pid() *pidFlag {
	p := new(pidFlag)
	f.Func("pid", "", func(s string) (err error) {
		p.given = true
		if p.value, err = strconv.Atoi(s); err != nil {
			return errors.New("want a pid, such as $$ in a shell")
		}
		return nil
	})
	return p
}

func newFlagSet(name string) *flag.FlagSet {
	f := flag.NewFlagSet("healthctl "+name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // misuse says it in one line
	return f
}

// parse returns false when the command is over, and its status.
func (f *flags) parse(usage string, args []string) (status int, ok bool) {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
		return done, false
	case err != nil:
		return f.misuse(err.Error()), false
	}
	return done, true
}

// none refuses arguments, for commands that take none.
func (f *flags) none() (status int, ok bool) {
	if f.NArg() > 0 {
		return f.misuse(fmt.Sprintf("unexpected argument %q", f.Arg(0))), false
	}
	return done, true
}

// strays refuses a flag behind the first arguments, where it would be taken for
// one of them, unless the command line says by "--" that it is one.
func (f *flags) strays(args []string, from int) (status int, ok bool) {
	if slices.Contains(args, "--") {
		return done, true
	}
	for _, arg := range f.Args()[min(from, f.NArg()):] {
		if f.known(arg) {
			return f.misuse(fmt.Sprintf("%s stands behind other arguments: flags come first (-- before them ends the flags)", arg)), false
		}
	}
	return done, true
}

// known reports whether an argument is one of the flags.
func (f *flags) known(arg string) bool {
	name, dashed := strings.CutPrefix(strings.Replace(arg, "--", "-", 1), "-")
	name, _, _ = strings.Cut(name, "=")
	return dashed && f.Lookup(name) != nil
}

// misuse says what is wrong with the command line, and what would be right.
func (f *flags) misuse(what string) int {
	hint := ""
	if name, unknown := strings.CutPrefix(what, "flag provided but not defined: "); unknown {
		var names []string
		f.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
		what, hint = "unknown flag "+name, "the flags are "+strings.Join(names, ", ")+"; "
		if len(names) == 0 {
			hint = "there are none; "
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %s: %ssee %[1]s -h\n", f.Name(), strings.ReplaceAll(what, "\n", " "), hint)
	return wrongUsage
}

// open opens the unit. A name or directory that cannot be one is wrong usage.
func (f *flags) open(more ...writer.Option) (u *writer.Unit, status int) {
	u, err := writer.Open(append(f.options, more...)...)
	if err != nil {
		return nil, f.misuse(err.Error())
	}
	return u, done
}
