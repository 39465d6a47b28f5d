//go:build linux

package main

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// notification is one datagram of sd_notify(3), as far as it matters here.
type notification struct {
	ready, stopping, watchdog, trigger, barrier bool

	status    string
	hasStatus bool
	mainPid   int // 0: none
}

// notificationLimit is the longest datagram that counts: PIPE_BUF, as for systemd.
const notificationLimit = 4096

// parseNotification parses a datagram: lines of NAME=VALUE, of which those that are
// unknown are ignored. ok is false if it holds a NUL byte other than at its end.
func parseNotification(datagram []byte) (n notification, ok bool) {
	datagram = bytes.TrimSuffix(datagram, []byte{0})
	if bytes.IndexByte(datagram, 0) >= 0 {
		return n, false
	}
	if string(datagram) == "WATCHDOG=1" { // most are that
		return notification{watchdog: true}, true
	}
	for line := range strings.SplitSeq(string(datagram), "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "READY":
			n.ready = n.ready || value == "1"
		case "STOPPING":
			n.stopping = n.stopping || value == "1"
		case "WATCHDOG":
			n.watchdog = n.watchdog || value == "1"
			n.trigger = n.trigger || value == "trigger"
		case "STATUS":
			if utf8.ValidString(value) {
				n.status, n.hasStatus = value, true
			}
		case "MAINPID":
			if pid, err := strconv.ParseInt(value, 10, 32); err == nil && pid > 0 {
				n.mainPid = int(pid)
			}
		case "BARRIER":
			n.barrier = line == string(datagram) && value == "1" // alone
		}
	}
	n.ready = n.ready && !n.stopping // as for systemd
	return n, true
}
