package main

import "github.com/healthprobe/healthprobe/writer"

const beatUsage = `Usage: healthctl beat

Says that the application is still at work: healthprobe -max-age counts from the
last set or beat. It writes no data, so it works on a full disk, and it does not
change the code. Call it from the loop that does the work.

  -rundir DIR, -unit NAME: see healthctl -h

Exit status: 0 done, 1 failed or refused, 2 wrong usage.

Example:
  $ while work; do healthctl beat; done
  healthctl: beat web: not set since load: no error in /run/web: set first
`

func beat(args []string) int { return simple("beat", beatUsage, args, (*writer.Unit).Beat) }
