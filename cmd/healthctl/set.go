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
	about: `Records the application's error code: 0 is healthy, any other up to 2147483647
is not. REASON is for people; the probe prints it. If a code other than 0 cannot
be recorded, the previous state is cleared if possible. Wrong usage changes
nothing.
`,
	exits: "0 recorded, 1 failed or refused, 2 wrong usage.",
	example: `Example:
  $ healthctl set 3 upstream db unreachable
  $ healthprobe
  unhealthy: web: error 3: upstream db unreachable
`,
	run: set,
}

func set(i *invocation) error {
	pid := i.pidFlag("fail unless this process owns the unit")
	i.unitFlags()
	operands, err := i.parseCode()
	if err != nil {
		return err
	}
	if len(operands) == 0 {
		return i.wrong("no CODE: want a number from 0 to 2147483647")
	}
	code, ok := parseCode(operands[0])
	if !ok {
		return i.wrong("CODE is %q: want a number from 0 to 2147483647", operands[0])
	}
	u, err := i.open(pid.owner())
	if err != nil {
		return err
	}
	err = u.SetReason(code, strings.Join(operands[1:], " "))
	if err != nil && code == -1 && operands[0] != "-1" {
		err = fmt.Errorf("%w (CODE was %s)", err, operands[0])
	}
	return err
}

// parseCode is parse for CODE and REASON. A negative CODE looks like a flag: it
// is out of range, but must not leave a healthy state.
func (i *invocation) parseCode() (operands []string, err error) {
	err = i.flags.Parse(i.words)
	operands = i.args()
	if _, ok := unknownFlag(err); ok {
		stopped := len(i.words) - len(operands) - 1
		if code, ok := parseCode(i.words[stopped]); ok && code < 0 {
			operands, err = i.words[stopped:], nil
		}
	}
	err = i.parsed(err)
	if err == nil && len(operands) > 0 && !i.separated() {
		err = i.checkStrayFlags(operands[1:])
	}
	return operands, err
}

// parseCode reads a canonical decimal, or a negative one. Other spellings of a
// number are wrong, so that nothing but "0" means healthy. Numbers of any size
// are numbers: one that no int holds is -1, which is out of range as well.
func parseCode(s string) (code int, ok bool) {
	code, err := strconv.Atoi(s)
	if errors.Is(err, strconv.ErrRange) {
		return -1, true
	}
	return code, err == nil && strconv.Itoa(code) == s
}
