//go:build linux && amd64

package faults

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// probeCase is a state directory and the flags of the probe. The name of a healthy
// case begins with "healthy".
type probeCase struct {
	name    string
	flags   string
	arrange func(f *fixture)
}

// TestProbeFaults makes each call of the probe fail, one at a time. That must never
// make an unhealthy unit healthy, and the output must remain one line.
func TestProbeFaults(t *testing.T) {
	requirePtrace(t)
	h := newHarness(t)
	h.runProbeCases(probeCases())
	h.report(t)
}

func (h *harness) runProbeCases(list []probeCase) {
	var jobs []func()
	for _, p := range list {
		jobs = append(jobs, func() { p.run(h) })
	}
	h.run(jobs)
}

func (p *probeCase) run(h *harness) {
	f := h.newFixture()
	defer f.close()
	p.arrange(f)
	argv := f.probeArgs(strings.Fields(p.flags)...)
	var calls []call
	answer := p.trace(f, argv, func(c call) action {
		if !c.after {
			calls = append(calls, c)
		}
		return action{}
	})
	if want := strings.HasPrefix(p.name, "healthy"); want != (answer.status == 0) {
		h.violationf("probe, %s: status %d without a fault: %s", p.name, answer.status, answer.output)
	}
	if len(calls) == 0 {
		h.violationf("probe, %s: saw no calls", p.name)
	}
	for _, e := range []unix.Errno{unix.EIO, unix.EACCES, unix.ENOMEM, unix.ESTALE, unix.EMFILE, unix.ENFILE, unix.EINTR} {
		for _, c := range calls {
			if !mayFail(c) || !h.sampled(p.name+e.Error(), c.n, 7, 1) || h.enough() {
				continue
			}
			if c.name == "execve" || c.name == "write" {
				continue
			}
			got := p.trace(f, argv, func(now call) action {
				if now.n == c.n && !now.after {
					return action{kind: fail, errno: e}
				}
				return action{}
			})
			h.countPoint()
			switch {
			case answer.status == 1 && got.status == 0:
				h.violationf("probe, %s: healthy because %s of %s returned %v", p.name, c.name, c.path, e)
			case e == unix.EINTR && got.status != answer.status:
				h.violationf("probe, %s: status %d, not %d, because %s of %s was interrupted", p.name, got.status, answer.status, c.name, c.path)
			}
			f.checkOutput(outcome{got.status, "", got.output}, p.name+", "+e.Error()+" at "+c.String())
		}
	}
}

func (p *probeCase) trace(f *fixture, argv []string, decide func(call) action) traceResult {
	end, err := (&tracer{argv: argv, decide: decide}).run()
	if err != nil {
		f.violationf("probe, %s: the tracer: %v", p.name, err)
	}
	if end.hung {
		f.violationf("probe, %s: hung", p.name)
	}
	return end
}

func probeCases() []probeCase {
	alive := func(code string) func(*fixture) { return func(f *fixture) { f.recordOwner(code) } }
	return []probeCase{
		{"healthy", "", alive("0")},
		{"healthy, with all flags", "-v -strict -max-age 1h", alive("0")},
		{"healthy, alive", "-live", alive("42")},
		{"healthy, of another writer", "", func(f *fixture) { f.record(f.startProcess().pid, "", "0") }},
		{"no directory", "", func(*fixture) {}},
		{"no pid", "", func(f *fixture) { f.writeFile("error", "0\n") }},
		{"pid 0", "", func(f *fixture) {
			f.recordOwner("0")
			f.writeFile("pid", "0\n")
		}},
		{"owner gone", "", func(f *fixture) { f.recordOwner("0").kill() }},
		{"owner gone, liveness", "-live", func(f *fixture) { f.recordOwner("0").kill() }},
		{"owner a zombie", "", func(f *fixture) { f.recordOwner("0").makeZombie() }},
		{"same pid reused", "", func(f *fixture) { f.record(f.startProcess().pid, "1", "0") }},
		{"same pid reused, liveness", "-live", func(f *fixture) { f.record(f.startProcess().pid, "1", "0") }},
		{"another boot", "", func(f *fixture) {
			p := f.recordOwner("0")
			f.writeFile("identity", p.pidArg()+" "+p.start+" 0-0\n")
		}},
		{"identity of another pid", "", func(f *fixture) {
			f.recordOwner("0")
			f.writeFile("pid", strconv.Itoa(f.startProcess().pid)+"\n")
		}},
		{"malformed identity", "", func(f *fixture) {
			f.recordOwner("0")
			f.writeFile("identity", "1\n")
		}},
		{"of another writer, with -strict", "-strict", func(f *fixture) { f.record(f.startProcess().pid, "", "0") }},
		{"of another writer, owner gone", "", func(f *fixture) { f.record(f.deadPid(), "", "0") }},
		{"not set", "", alive("")},
		{"error 42", "", alive("42")},
		{"error 42 with a reason", "-v", func(f *fixture) {
			f.recordOwner("42")
			f.writeFile("reason", "42 upstream gone\n")
		}},
		{"error empty", "", func(f *fixture) {
			f.recordOwner("0")
			f.writeFile("error", "")
		}},
		{"error 00", "", alive("00")},
		{"no heartbeat", "-max-age 1m", func(f *fixture) {
			f.recordOwner("0")
			f.shiftHeartbeat(-time.Hour)
		}},
		{"no heartbeat, liveness", "-live -max-age 1m", func(f *fixture) {
			f.recordOwner("0")
			f.shiftHeartbeat(-time.Hour)
		}},
		{"heartbeat in the future", "-live -max-age 1m", func(f *fixture) {
			f.recordOwner("0")
			f.shiftHeartbeat(time.Hour)
		}},
	}
}

// shiftHeartbeat shifts the time of the heartbeat, as if the clock had been set
// between beat and probe.
func (f *fixture) shiftHeartbeat(by time.Duration) {
	at := time.Now().Add(by)
	must(os.Chtimes(f.path("error"), at, at))
}

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
