//go:build linux && amd64

package faults

import (
	"testing"
	"time"
)

// TestTime moves the time between beat and probe, and asks for limits of all
// kinds.
func TestTime(t *testing.T) {
	const big = "2562047h" // 292 years, nearly what 63 bits of nanoseconds hold
	h := newHarness()
	h.run([]func(){func() {
		w := h.newWorld()
		defer w.close()
		w.ownedBy("0")
		for _, c := range []struct {
			by    time.Duration
			limit string
			says  string // "": healthy
		}{
			{0, "1m", ""},
			{-time.Hour, "1m", "no heartbeat for 36"}, // 3600 s, or a moment more
			{-time.Hour, "59m59s", "no heartbeat for 36"},
			{-time.Hour, "2h", ""},
			{time.Hour, "1m", "in the future"},
			{time.Hour, "2h", ""},
			{-time.Hour, big, ""},
			{time.Hour, big, ""},
			{time.Until(time.Unix(0, 0)), "1h", "no heartbeat for"},
			{time.Until(time.Unix(1<<32, 0)), "1h", "in the future"},
			{-time.Hour, "0", "want a duration above 0"},
			{-time.Hour, "0s", "want a duration above 0"},
			{-time.Hour, "-1m", "want a duration above 0"},
			{0, "2562048h", "want a duration above 0"}, // more than 63 bits
			{0, "99999999999999999999h", "want a duration above 0"},
			{0, "60", "want a duration above 0"},
			{0, "1 m", "want a duration above 0"},
			{0, "soon", "want a duration above 0"},
			{0, "", "empty"},
		} {
			w.dated(c.by)
			w.expect(nil, c.says, w.probeArgs("-max-age", c.limit)...)
			w.expect(nil, c.says, w.probeArgs("-live", "-max-age="+c.limit)...)
		}

		// A beat mends it, whatever the clock was.
		for _, by := range []time.Duration{-time.Hour, time.Hour} {
			w.dated(by)
			w.expect(nil, "", w.ctlArgs("beat")...)
			w.expect(nil, "", w.probeArgs("-max-age", "10m")...)
		}
	}})
	h.report(t)
}
