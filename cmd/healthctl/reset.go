//go:build unix

package main

import "github.com/healthprobe/healthprobe/writer"

var resetCommand = command{
	name:    "reset",
	summary: "remove the unit's files",
	about: `Removes the unit's files, even while the application runs: the unit is then not
loaded. Reset last in a shutdown, or the liveness probe may fail while the
application still drains. Resetting a unit that is not loaded succeeds.
`,
	exits: "0 done, 1 failed or refused, 2 wrong usage.",
	example: `Example:
  $ healthctl reset
  $ healthprobe
  unhealthy: web: not loaded: no pid in /run/web
`,
	run: func(i *invocation) error {
		return i.simple("fail if another live process owns the unit, such as the next run", (*writer.Unit).Reset)
	},
}
