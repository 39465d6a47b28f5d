//go:build unix

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var setCommand = command{
	name:    "set",
	args:    "[--] CODE [REASON]...",
	summary: "record the application's error code: 0 is healthy",
	about: `Records the application's error code: 0 is healthy, 1 to 2147483647 is not.
REASON is for people; the probe prints it. If a code other than 0 cannot be
recorded, the previous state is cleared if possible, so that no "healthy"
remains. Wrong usage changes nothing.
`,
	exits: "0 recorded, 1 failed or refused, 2 wrong usage.",
	example: `Example:
  $ healthctl set 3 upstream db unreachable
  $ healthprobe
  unhealthy: web: error 3: upstream db unreachable
`,
	run:         set,
	negativeArg: true,
}

func set(i *invocation) error {
	pid := i.pidFlag("fail unless this process owns the unit")
	i.unitFlags()
	args, err := i.parseStrict()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return i.wrong("no CODE: want a number from 0 to 2147483647")
	}
	code, ok := parseCode(args[0])
	if !ok {
		return i.wrong("CODE is %q: want a number from 0 to 2147483647", args[0])
	}
	u, err := i.open(pid.owner())
	if err != nil {
		return err
	}
	err = u.SetReason(code, strings.Join(args[1:], " "))
	if err != nil && strconv.Itoa(code) != args[0] {
		err = fmt.Errorf("%w (CODE was %s)", err, args[0])
	}
	return err
}

// parseCode parses a decimal number as strconv.Itoa would write it, so that
// nothing but "0" means healthy. One that does not fit an int is still a number,
// not wrong usage: it becomes -1, which is out of range too.
func parseCode(s string) (code int, ok bool) {
	code, err := strconv.Atoi(s)
	if errors.Is(err, strconv.ErrRange) {
		return -1, true
	}
	return code, err == nil && strconv.Itoa(code) == s
}

// isNegative reports whether a word that looks like a flag is a negative CODE.
// That must not count as wrong usage, which would leave a healthy state in place.
func isNegative(word string) bool {
	code, ok := parseCode(word)
	return ok && code < 0
}
