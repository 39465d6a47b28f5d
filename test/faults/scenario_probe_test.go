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

// question is a state directory and how the probe is asked about it.
type question struct {
	name    string
	flags   string
	arrange func(w *world)
}

// TestProbeFaults makes each call of the probe fail, one at a time. An unhealthy
// unit is never called healthy because of that, and the answer stays one line.
func TestProbeFaults(t *testing.T) {
	tracing(t)
	h := newHarness()
	h.ask(questions())
	h.report(t)
}

func (h *harness) ask(list []question) {
	var jobs []func()
	for _, q := range list {
		jobs = append(jobs, func() { q.ask(h) })
	}
	h.run(jobs)
}

func (q *question) ask(h *harness) {
	w := h.newWorld()
	defer w.close()
	q.arrange(w)
	argv := w.probeArgs(strings.Fields(q.flags)...)
	var calls []call
	answer := q.trace(w, argv, func(c call) action {
		if !c.after {
			calls = append(calls, c)
		}
		return action{}
	})
	if want := strings.HasPrefix(q.name, "healthy"); want != (answer.status == 0) {
		h.violated("probe, %s: status %d without a fault: %s", q.name, answer.status, answer.output)
	}
	if len(calls) == 0 {
		h.violated("probe, %s: no call was seen", q.name)
	}
	for _, e := range []unix.Errno{unix.EIO, unix.EACCES, unix.ENOMEM, unix.ESTALE, unix.EMFILE, unix.ENFILE, unix.EINTR} {
		for _, c := range calls {
			if !mayFail(c) || !h.sampled(q.name+e.Error(), c.n, 2) || h.enough() {
				continue
			}
			if c.name == "execve" || c.name == "write" {
				continue
			}
			got := q.trace(w, argv, func(now call) action {
				if now.n == c.n && !now.after {
					return action{kind: fail, errno: e}
				}
				return action{}
			})
			h.point()
			switch {
			case answer.status == 1 && got.status == 0:
				h.violated("probe, %s: healthy because %s of %s gave %v", q.name, c.name, c.path, e)
			case e == unix.EINTR && got.status != answer.status:
				h.violated("probe, %s: status %d, not %d, because %s of %s was interrupted", q.name, got.status, answer.status, c.name, c.path)
			}
			w.proper(outcome{got.status, "", got.output}, q.name+", "+e.Error()+" at "+c.String())
		}
	}
}

func (q *question) trace(w *world, argv []string, decide func(call) action) ending {
	end, err := (&tracer{argv: argv, decide: decide}).run()
	if err != nil {
		w.violated("probe, %s: the tracer: %v", q.name, err)
	}
	if end.hung {
		w.violated("probe, %s: hung", q.name)
	}
	return end
}

func questions() []question {
	alive := func(code string) func(*world) { return func(w *world) { w.ownedBy(code) } }
	return []question{
		{"healthy", "", alive("0")},
		{"healthy, with all flags", "-v -strict -max-age 1h", alive("0")},
		{"healthy, alive", "-live", alive("42")},
		{"healthy, of another writer", "", func(w *world) { w.record(w.life().pid, "", "0") }},
		{"no directory", "", func(*world) {}},
		{"no pid", "", func(w *world) { w.put("error", "0\n") }},
		{"pid 0", "", func(w *world) {
			w.ownedBy("0")
			w.put("pid", "0\n")
		}},
		{"owner gone", "", func(w *world) { w.ownedBy("0").end() }},
		{"owner gone, liveness", "-live", func(w *world) { w.ownedBy("0").end() }},
		{"owner a zombie", "", func(w *world) { w.ownedBy("0").zombie() }},
		{"same pid reused", "", func(w *world) { w.record(w.life().pid, "1", "0") }},
		{"same pid reused, liveness", "-live", func(w *world) { w.record(w.life().pid, "1", "0") }},
		{"another boot", "", func(w *world) {
			l := w.ownedBy("0")
			w.put("identity", l.pidArg()+" "+l.start+" 0-0\n")
		}},
		{"identity of another pid", "", func(w *world) {
			w.ownedBy("0")
			w.put("pid", strconv.Itoa(w.life().pid)+"\n")
		}},
		{"malformed identity", "", func(w *world) {
			w.ownedBy("0")
			w.put("identity", "1\n")
		}},
		{"of another writer, with -strict", "-strict", func(w *world) { w.record(w.life().pid, "", "0") }},
		{"of another writer, owner gone", "", func(w *world) { w.record(w.dead(), "", "0") }},
		{"not set", "", alive("")},
		{"error 42", "", alive("42")},
		{"error 42 with a reason", "-v", func(w *world) {
			w.ownedBy("42")
			w.put("reason", "42 upstream gone\n")
		}},
		{"error empty", "", func(w *world) {
			w.ownedBy("0")
			w.put("error", "")
		}},
		{"error 00", "", alive("00")},
		{"no heartbeat", "-max-age 1m", func(w *world) {
			w.ownedBy("0")
			w.dated(-time.Hour)
		}},
		{"no heartbeat, liveness", "-live -max-age 1m", func(w *world) {
			w.ownedBy("0")
			w.dated(-time.Hour)
		}},
		{"heartbeat in the future", "-live -max-age 1m", func(w *world) {
			w.ownedBy("0")
			w.dated(time.Hour)
		}},
	}
}

// dated moves the heartbeat, as a clock that is set between beat and probe does.
func (w *world) dated(by time.Duration) {
	at := time.Now().Add(by)
	must(os.Chtimes(w.path("error"), at, at))
}
