//go:build unix

package main

import (
	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
	"github.com/healthprobe/healthprobe/internal/verdict"
	"github.com/healthprobe/healthprobe/internal/version"
)

const usage = `Usage: healthprobe [flags]

Checks whether a unit is healthy. Exit status 0: healthy, nothing is printed.
Exit status 1: unhealthy, and one line on standard error says why. Without
-live the question is readiness.

  -rundir DIR  where the units keep their state (default $LIVENESS_RUNDIR, /run)
  -unit NAME   which unit (default $LIVENESS_UNIT_NAME, the host name). Give it
               again for more, up to 16: all of them must be healthy
  -live        liveness: the process must be running, whatever its error code
  -max-age D   unhealthy if the last set or beat is longer ago than D, such as
               60s or 1m30s
  -strict      unhealthy if the identity of the process was not recorded
  -v           print a status line for each unit, healthy or not
  -version     print version, commit, platform and which entry answered
  -h           print this help

Example:
  $ healthprobe -unit web
  unhealthy: web: error 3: upstream db unreachable

Documentation: https://github.com/healthprobe/healthprobe
`

// command is one run of healthprobe. Both entries push the environment and the
// arguments into it, one string at a time, and call Run. It obeys the rules of
// the direct entry: see entry_linux.go.
type command struct {
	entry       string // the name of the entry
	probe       verdict.Probe
	units       [maxUnits - 1]string // all but the first, which is in probe
	more        int                  // the number of units after the first
	unitEnv     variable
	runDirEnv   variable
	pending     string // the flag whose value is the next argument
	noMoreFlags bool   // after "--"
	done        bool   // after -h, -version or a usage error: the rest is ignored
	status      int
}

// maxUnits is the maximum number of units in one run.
const maxUnits = 16

// variable is an environment variable. The first of duplicates wins, as in
// package os; empty counts as unset.
type variable struct {
	seen  bool
	value string
}

func (v *variable) set(value string) {
	if !v.seen {
		v.seen, v.value = true, value
	}
}

// Env takes one entry of the environment.
func (c *command) Env(entry string) {
	switch name, value, _ := split(entry); name {
	case state.RunDirEnv:
		c.runDirEnv.set(value)
	case state.UnitEnv:
		c.unitEnv.set(value)
	}
}

// Arg takes one argument: a flag as -x, -x value or -x=value, with one dash or two.
func (c *command) Arg(arg string) {
	switch {
	case c.done:
		return
	case c.pending != "":
		c.value(c.pending, arg)
		c.pending = ""
		return
	case arg == "--" && !c.noMoreFlags:
		c.noMoreFlags = true
		return
	case len(arg) < 2 || arg[0] != '-' || c.noMoreFlags:
		c.usageError("unexpected argument ", arg, ": there are only flags; healthprobe -h lists them")
		return
	}
	flag := arg[1:]
	if flag[0] == '-' {
		flag = flag[1:]
	}
	name, value, hasValue := split(flag)
	if !hasValue {
		name = flag
	}
	switch name {
	case "rundir", "unit", "max-age":
		if !hasValue {
			c.pending = name
			return
		}
		c.value(name, value)
	case "live", "strict", "v", "version", "h", "help":
		if hasValue && value != "true" && value != "false" {
			c.usageError("", arg, ": want the flag alone, or with =true or =false")
			return
		}
		c.toggle(name, value != "false")
	default:
		c.usageError("unknown flag ", arg, ": the flags are -rundir, -unit, -live, -max-age, -strict, -v, -version and -h")
	}
}

func (c *command) toggle(name string, on bool) {
	switch name {
	case "live":
		c.probe.Live = on
	case "strict":
		c.probe.Strict = on
	case "v":
		c.probe.Verbose = on
	case "version":
		if on {
			var line text.Line
			c.finish(1, 0, version.Append(&line, "healthprobe", c.entry).End())
		}
	default:
		if on {
			c.finish(1, 0, usage)
		}
	}
}

func (c *command) value(name, value string) {
	switch {
	case value == "":
		c.usageError("-", name, " has an empty value")
	case name == "rundir":
		c.probe.RunDir = value
	case name == "unit":
		c.addUnit(value)
	default:
		age, ok := parseAge(value)
		if !ok {
			c.usageError("-max-age ", value, ": want a duration such as 60s or 1m30s, above 0 and below 292 years")
		}
		c.probe.MaxAge = age
	}
}

func (c *command) addUnit(name string) {
	switch i := uint(c.more); {
	case c.probe.Unit == "":
		c.probe.Unit = name
	case i < uint(len(c.units)):
		c.units[i] = name
		c.more++
	default:
		c.usageError("more than 16 units: -unit ", name, " is the 17th")
	}
}

// Run does what the arguments ask for and returns the exit status: 0 or 1.
func (c *command) Run() int {
	if c.pending != "" && !c.done {
		c.usageError("-", c.pending, " needs a value")
	}
	if c.done {
		return c.status
	}
	p := &c.probe
	p.KeepOpen = c.more == 0 // the files of several could exceed the limit of descriptors
	if p.RunDir == "" {
		p.RunDir = c.runDirEnv.value
	}
	if p.RunDir == "" {
		p.RunDir = state.DefaultRunDir
	}
	if p.Unit == "" {
		p.Unit = c.unitEnv.value
	}
	if p.Unit == "" {
		p.Unit = sys.HostName()
	}
	c.ask()
	for i := range c.units {
		if i >= c.more || c.status != 0 && !p.Verbose {
			break
		}
		p.Next(c.units[i])
		c.ask()
	}
	return c.status
}

// ask probes one unit and prints its line, if there is one. The exit status stays 0
// only while every unit is healthy.
func (c *command) ask() {
	c.probe.Run()
	switch {
	case !c.probe.Healthy():
		c.status = 1
		c.printLine(2)
	case c.probe.Verbose:
		c.printLine(1)
	}
}

func (c *command) printLine(fd int) {
	var line text.Line
	c.probe.AppendLine(&line)
	sys.Write(fd, line.End())
}

// usageError ends the run: the arguments are wrong. culprit may be any bytes, of any
// length.
func (c *command) usageError(before, culprit, after string) {
	var line text.Line
	line.Text("healthprobe: ").Text(before).Printable(culprit, 200).Text(after)
	c.finish(2, 1, line.End())
}

// finish prints s and ends the run.
func (c *command) finish(fd, status int, s string) {
	c.done, c.status = true, status
	sys.Write(fd, s)
}

// split cuts at the first equals sign.
func split(s string) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == '=' {
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}
