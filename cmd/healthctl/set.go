package main

import (
	"errors"
	"fmt"
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

func set(args []string) int {
	f := newFlags("set")
	pid := f.pid()
	// A negative code looks like a flag. It is out of range, but says "unhealthy".
	for i, arg := range args {
		if arg == "--" || !strings.HasPrefix(arg, "-") && (i == 0 || !isValueFlag(args[i-1])) {
			break // here the flags end
		}
		if code, ok := parseCode(arg); ok && code < 0 && (i == 0 || !isValueFlag(args[i-1])) {
			args = slices.Insert(slices.Clone(args), i, "--")
			break
		}
	}
	if status, ok := f.parse(setUsage, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		return f.misuse("no CODE: want a number from 0 to 2147483647")
	}
	code, ok := parseCode(f.Arg(0))
	if !ok {
		return f.misuse(fmt.Sprintf("CODE is %q: want a number from 0 to 2147483647", f.Arg(0)))
	}
	if status, ok := f.strays(args, 1); !ok {
		return status
	}
	owner := writer.WithAnyOwner()
	if pid.given {
		owner = writer.WithPid(pid.value)
	}
	u, status := f.open(owner)
	if u == nil {
		return status
	}
	if err := u.SetReason(code, strings.Join(f.Args()[1:], " ")); err != nil {
		if code == -1 && f.Arg(0) != "-1" {
			err = fmt.Errorf("%w (CODE was %s)", err, f.Arg(0))
		}
		return fail(err)
	}
	return done
}

// parseCode reads a canonical decimal, or a negative one. Other spellings of a
// number are refused, so that nothing but "0" means healthy. Numbers of any size
// are numbers: one that no int holds is -1, which is out of range as well.
func parseCode(s string) (code int, ok bool) {
	code, err := strconv.Atoi(s)
	if errors.Is(err, strconv.ErrRange) {
		return -1, true
	}
	return code, err == nil && strconv.Itoa(code) == s
}

func isValueFlag(arg string) bool {
	return slices.Contains([]string{"-pid", "-unit", "-rundir"}, strings.Replace(arg, "--", "-", 1))
}
