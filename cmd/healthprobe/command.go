package main

import (
	"runtime"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/verdict"
)

// version is set by the linker (-X main.version=...).
var version = "devel"

const usage = `Usage: healthprobe [flags]

Says whether a unit is healthy: exit status 0, silent; or 1 and why, on one
line of standard error. Readiness is the default question, -live asks for
liveness.

  -rundir DIR  where the units keep their state (default $LIVENESS_RUNDIR, /run)
  -unit NAME   which unit (default $LIVENESS_UNIT_NAME, the host name)
  -live        liveness: the process has to be there, whatever its error code
  -max-age D   unhealthy if the last set or beat is longer ago than D, such as
               60s or 1m30s
  -strict      unhealthy if the identity of the process was not recorded
  -v           say on standard output what a healthy unit is like
  -version     print the version and which entry answered
  -h           print this

Example:
  $ healthprobe -unit web
  unhealthy: web: error 3: upstream db unreachable
`

// command is one run of healthprobe. Both entries push the environment and the
// arguments into it, text by text, and call Run. It obeys the rules of the
// direct entry: see entry_linux.go.
type command struct {
	entry     string // "direct" or "runtime"
	unitEnv   variable
	runDirEnv variable
	awaiting  string // the flag whose value is the next argument
	ended     bool   // by "--"
	answered  bool   // by help, version or a bad argument: the rest is not looked at
	status    int

	// Last, since they end in large buffers that are hardly touched: what is
	// used in every run shares a page.
	probe verdict.Probe
	line  verdict.Line
	host  state.Utsname
}

// variable is an environment variable. The first of two counts, as in package
// os, and an empty one counts as unset.
type variable struct {
	seen  bool
	value string
}

func (v *variable) see(value string) {
	if !v.seen {
		v.seen, v.value = true, value
	}
}

// Env takes one entry of the environment.
func (c *command) Env(entry string) {
	switch name, value, ok := split(entry); {
	case !ok:
	case name == state.RunDirEnv:
		c.runDirEnv.see(value)
	case name == state.UnitEnv:
		c.unitEnv.see(value)
	}
}

// Arg takes one argument: -x, -x value or -x=value, with one dash or two.
func (c *command) Arg(arg string) {
	switch {
	case c.answered:
		return
	case c.awaiting != "":
		c.value(c.awaiting, arg)
		c.awaiting = ""
		return
	case arg == "--" && !c.ended:
		c.ended = true
		return
	case len(arg) < 2 || arg[0] != '-' || c.ended:
		c.bad("unexpected argument ", arg, ": there are only flags; healthprobe -h lists them")
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
			c.awaiting = name
			return
		}
		c.value(name, value)
	case "live", "strict", "v", "version", "h", "help":
		if hasValue && value != "true" && value != "false" {
			c.bad("", arg, ": want the flag alone, or with =true or =false")
			return
		}
		c.toggle(name, value != "false")
	default:
		c.bad("unknown flag ", arg, ": the flags are -rundir, -unit, -live, -max-age, -strict, -v, -version and -h")
	}
}

func (c *command) toggle(name string, on bool) {
	switch name {
	case "live":
		c.probe.Live = on
	case "strict":
		c.probe.Strict = on
	case "v":
		c.probe.Detail = on
	case "version":
		if on {
			c.line.Text("healthprobe ").Text(version).Text(" " + runtime.GOOS + "/" + runtime.GOARCH + " (").Text(c.entry).Text(" entry)")
			c.answer(1, 0)
		}
	default:
		if on {
			c.answered = true
			state.Write(1, usage)
		}
	}
}

func (c *command) value(name, value string) {
	switch {
	case value == "":
		c.bad("-", name, " has an empty value")
	case name == "rundir":
		c.probe.RunDir = value
	case name == "unit":
		c.probe.Unit = value
	default:
		age, ok := parseAge(value)
		if !ok {
			c.bad("-max-age ", value, ": want a duration above 0, such as 60s or 1m30s")
		}
		c.probe.MaxAge = age
	}
}

// Run answers what was asked and gives the exit status: 0 or 1.
func (c *command) Run() int {
	if c.awaiting != "" && !c.answered {
		c.bad("-", c.awaiting, " needs a value")
	}
	if c.answered {
		return c.status
	}
	p := &c.probe
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
		p.Unit = state.HostName(&c.host)
	}
	p.Exiting = true
	p.Run()
	switch {
	case !p.Healthy:
		c.line.Text(p.Line())
		c.answer(2, 1)
	case p.Detail:
		c.line.Text(p.Line())
		c.answer(1, 0)
	}
	return c.status
}

// bad refuses the arguments. The culprit may be anything, of any length.
func (c *command) bad(before, culprit, after string) {
	c.line.Text("healthprobe: ").Text(before).Clean(culprit, 200).Text(after)
	c.answer(2, 1)
}

func (c *command) answer(fd, status int) {
	c.answered, c.status = true, status
	state.Write(fd, c.line.End())
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
