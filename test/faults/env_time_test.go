//go:build linux && amd64

package faults

import (
	"testing"
	"time"
)

// TestHeartbeatAge shifts the time between beat and probe, and tries valid and
// invalid limits.
func TestHeartbeatAge(t *testing.T) {
	const big = "2562047h" // 292 years, nearly what 63 bits of nanoseconds hold
	h := newHarness(t)
	h.run([]func(){func() {
		f := h.newFixture()
		defer f.close()
		f.recordOwner("0")
		for _, c := range []struct {
			by    time.Duration
			limit string
			want  string // "": healthy
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
			{-time.Hour, "0", "want a duration such as"},
			{-time.Hour, "0s", "want a duration such as"},
			{-time.Hour, "-1m", "want a duration such as"},
			{0, "2562048h", "want a duration such as"}, // more than 63 bits
			{0, "99999999999999999999h", "want a duration such as"},
			{0, "60", "want a duration such as"},
			{0, "1 m", "want a duration such as"},
			{0, "soon", "want a duration such as"},
			{0, "", "empty"},
		} {
			f.shiftHeartbeat(c.by)
			f.expect(nil, c.want, f.probeArgs("-max-age", c.limit)...)
			f.expect(nil, c.want, f.probeArgs("-live", "-max-age="+c.limit)...)
		}

		// A beat recovers from any change of the clock.
		for _, by := range []time.Duration{-time.Hour, time.Hour} {
			f.shiftHeartbeat(by)
			f.expect(nil, "", f.ctlArgs("beat")...)
			f.expect(nil, "", f.probeArgs("-max-age", "10m")...)
		}
	}})
	h.report(t)
}
