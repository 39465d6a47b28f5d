package main

import "github.com/healthprobe/healthprobe/writer"

const resetUsage = `Usage: healthctl reset

Makes the state what it was before load: removes the unit's files. Make it the
last act of a shutdown, or the liveness probe may fire while the application
still drains. Resetting what is not loaded is fine.

  -rundir DIR, -unit NAME: see healthctl -h

Exit status: 0 done, 1 failed, 2 wrong usage.

Example:
  $ healthctl reset
  $ healthprobe
  unhealthy: web: not loaded: no pid in /run/web
`

func reset(args []string) int { return simple("reset", resetUsage, args, (*writer.Unit).Reset) }

// simple is a command without flags or arguments of its own.
func simple(name, usage string, args []string, call func(*writer.Unit) error) int {
	f := newFlags(name)
	if status, ok := f.parse(usage, args); !ok {
		return status
	}
	if status, ok := f.none(); !ok {
		return status
	}
	u, status := f.open(writer.WithAnyOwner())
	if u == nil {
		return status
	}
	if err := call(u); err != nil {
		return fail(err)
	}
	return done
}
