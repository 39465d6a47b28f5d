//go:build unix

package main

import "github.com/healthprobe/healthprobe/writer"

var beatCommand = command{
	name:    "beat",
	summary: "report that the application makes progress",
	about: `Reports that the application makes progress: healthprobe -max-age counts from
the last set or beat. It writes no data, so it works on a full disk, and it does
not change the code. Call it from the loop that does the work.
`,
	exits: "0 done, 1 failed or refused, 2 wrong usage.",
	example: `Example, if work hangs:
  $ while work; do healthctl beat; done
  $ healthprobe -max-age 60s
  unhealthy: web: no heartbeat for 95s (limit 60s)
`,
	run: func(i *invocation) error {
		return i.simple("fail unless this process owns the unit", (*writer.Unit).Beat)
	},
}

// simple runs a command that takes no arguments, and no flags but -pid, -rundir
// and -unit.
func (i *invocation) simple(pidHelp string, call func(*writer.Unit) error) error {
	pid := i.pidFlag(pidHelp)
	i.unitFlags()
	if err := i.parseNoArgs(); err != nil {
		return err
	}
	u, err := i.open(pid.owner())
	if err != nil {
		return err
	}
	return call(u)
}
