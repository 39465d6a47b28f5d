package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/healthprobe/healthprobe/writer"
)

const setUsage = `Usage: healthctl set [-pid PID] CODE [REASON]...

Records the application's state: CODE 0 is healthy, any other up to 2147483647
is not. REASON is for people; the probe shows it. A code other than 0 that
cannot be recorded withdraws the old state where that is possible.

  -pid PID   refuse unless this process owns the unit
  -rundir DIR, -unit NAME: see healthctl -h

Exit status: 0 recorded, 1 failed or refused, 2 wrong usage.

Example:
  $ healthctl set 3 upstream db unreachable
  $ healthprobe
  unhealthy: web: error 3: upstream db unreachable
`

// number is a canonical decimal, or a negative one. Other spellings of a number
// are refused, so that nothing but "0" ever means healthy.
var number = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func set(args []string) int {
	f := newFlags("set")
	pid := f.Int("pid", 0, "")
	// A negative code looks like a flag. It is out of range, but says "unhealthy".
	if i := slices.IndexFunc(args, number.MatchString); i >= 0 && strings.HasPrefix(args[i], "-") && !(i > 0 && isValueFlag(args[i-1])) {
		args = slices.Insert(slices.Clone(args), i, "--")
	}
	if status, ok := f.parse(setUsage, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		return f.misuse("no CODE: want a number from 0 to 2147483647")
	}
	if !number.MatchString(f.Arg(0)) {
		return f.misuse(fmt.Sprintf("CODE is %q: want a number from 0 to 2147483647", f.Arg(0)))
	}
	code, err := strconv.Atoi(f.Arg(0))
	if errors.Is(err, strconv.ErrRange) {
		code = math.MaxInt // out of the writer's range as well
	}
	owner := writer.WithAnyOwner()
	f.Visit(func(fl *flag.Flag) {
		if fl.Name == "pid" {
			owner = writer.WithPid(*pid)
		}
	})
	u, status := f.open(owner)
	if u == nil {
		return status
	}
	if err := u.SetReason(code, strings.Join(f.Args()[1:], " ")); err != nil {
		return fail(err)
	}
	return done
}

func isValueFlag(arg string) bool {
	return slices.Contains([]string{"-pid", "-unit", "-rundir"}, strings.Replace(arg, "--", "-", 1))
}
