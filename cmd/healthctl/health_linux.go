package main

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/internal/report"
	"github.com/healthprobe/healthprobe/writer"
	"golang.org/x/sys/unix"
)

// health is what is known about COMMAND. Whoever finds something out says so, which never
// waits, and record records the newest state of it all, which may wait for the unit's lock.
type health struct {
	unit *writer.Unit
	say  func(format string, args ...any)
	end  func(syscall.Signal) // ends a COMMAND that hangs

	mu          sync.Mutex
	answers     []answer // to each -ready, in the order of the flags
	stopping    bool     // COMMAND has said that it stops
	hung        string   // why COMMAND is being ended; "": it is not
	heartbeat   bool     // since the last record
	asserted    bool     // an answer came since the last record, even if it is the same again
	finished    bool     // COMMAND has ended
	afterwards  []int    // descriptors to close once everything before them is recorded: see BARRIER in sd_notify(3)
	news        chan struct{}
	recorded    report.Report
	own         report.Own
	complaint   string // the last error of recording
	coalesced   *time.Timer
	lastBeat    time.Time
	watchdog    *time.Timer // nil: not counting
	due         time.Time   // when it fires
	watchdogFor time.Duration
	checks      bool // some -ready is a check, so heartbeats come from its answers too
	recording   sync.Mutex
}

// answer is the last answer to one -ready.
type answer struct {
	ready   bool
	known   bool // false: there has been none
	code    int
	reason  string
	waiting string // the reason before the first answer
}

// coalesce is how long a heartbeat waits for others after the last record.
const coalesce = 100 * time.Millisecond

func newHealth(w *watch, u *writer.Unit, say func(string, ...any), end func(syscall.Signal)) *health {
	h := &health{unit: u, say: say, end: end, news: make(chan struct{}, 1), watchdogFor: w.watchdog, checks: w.checks()}
	for _, r := range w.ready {
		a := answer{code: 1}
		switch {
		case r.notify:
			a.waiting = "waiting for READY=1"
		case r.port != 0:
			a.waiting = fmt.Sprintf("nothing listens on port %d", r.port)
		default:
			a.waiting = "waiting for the check " + r.check[0]
		}
		a.reason = a.waiting
		h.answers = append(h.answers, a)
	}
	h.coalesced = time.AfterFunc(time.Hour, h.wake)
	h.coalesced.Stop()
	return h
}

// change makes a change, and has it recorded.
func (h *health) change(f func()) {
	h.mu.Lock()
	f()
	h.mu.Unlock()
	h.wake()
}

func (h *health) wake() {
	select {
	case h.news <- struct{}{}:
	default: // record will see it
	}
}

// started: COMMAND runs.
func (h *health) started() {
	h.change(func() {
		if len(h.answers) == 0 {
			h.asserted = true
		}
		if h.checks {
			h.count()
		}
	})
}

// answered notes the answer to -ready number i. heartbeat says that COMMAND gave it.
func (h *health) answered(i int, ready bool, code int, reason string, heartbeat bool) {
	h.change(func() {
		h.answers[i] = answer{ready: ready, known: true, code: code, reason: reason}
		h.asserted = true
		if heartbeat {
			h.beat()
		}
	})
}

// notified notes what COMMAND has said by sd_notify(3) about -ready number i.
func (h *health) notified(i int, n *notification) {
	h.change(func() {
		a := &h.answers[i]
		switch {
		case n.stopping:
			h.stopping, h.asserted = true, true
			h.beat()
		case n.ready && !a.ready:
			a.ready, a.known, h.asserted = true, true, true
			h.beat()
			h.noticeNoWatchdog()
		}
		if n.hasStatus && !a.ready { // else it is no reason
			a.reason, a.known, h.asserted = n.status, n.status != "", true
			if n.status == "" {
				a.reason = a.waiting
			}
		}
		switch {
		case n.trigger:
			h.hang("WATCHDOG=trigger")
		case n.watchdog:
			h.count()
			h.beat()
		}
	})
}

// noticeNoWatchdog says so if -watchdog turns out to have no effect.
func (h *health) noticeNoWatchdog() {
	if h.watchdogFor == 0 || h.watchdog != nil {
		return
	}
	time.AfterFunc(h.watchdogFor, func() {
		h.mu.Lock()
		counting := h.watchdog != nil || h.finished
		h.mu.Unlock()
		if !counting {
			h.say("COMMAND has sent READY=1, and no WATCHDOG=1 since: -watchdog has no effect until it does")
		}
	})
}

// beat notes a heartbeat.
func (h *health) beat() {
	if h.hung == "" {
		h.heartbeat, h.lastBeat = true, time.Now()
	}
}

// barrier closes a descriptor after everything before it has been recorded.
func (h *health) barrier(fd int) {
	const most = 16
	h.change(func() {
		if len(h.afterwards) >= most || h.finished {
			unix.Close(fd)
			return
		}
		h.afterwards = append(h.afterwards, fd)
	})
}

// count makes the watchdog count, if there is one and it does not yet.
func (h *health) count() {
	if h.watchdogFor == 0 || h.watchdog != nil {
		return
	}
	h.lastBeat = time.Now()
	h.watchdog = time.AfterFunc(time.Hour, h.look)
	h.lookAgain()
}

// lookAgain has look called in a quarter of the watchdog's time.
func (h *health) lookAgain() {
	h.due = time.Now().Add(h.watchdogFor / 4)
	h.watchdog.Reset(h.watchdogFor / 4)
}

// grace is how much longer the watchdog waits, for what has arrived while this process
// did not run.
const grace = 200 * time.Millisecond

// look ends COMMAND if there has been no heartbeat for too long. Time in which this process
// did not run does not count: it was stopped, or the container was paused, and so was
// COMMAND. After STOPPING=1 nothing counts: COMMAND ends as long as it takes.
func (h *health) look() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.finished || h.hung != "" || h.stopping {
		return
	}
	if late := time.Since(h.due); late > grace {
		h.lastBeat = h.lastBeat.Add(late)
		if now := time.Now(); h.lastBeat.After(now) { // it has come since
			h.lastBeat = now
		}
	}
	if time.Since(h.lastBeat) < h.watchdogFor+grace {
		h.lookAgain()
		return
	}
	h.hang(fmt.Sprintf("no heartbeat for %v", h.watchdogFor))
	h.wake()
}

// hang ends COMMAND.
func (h *health) hang(why string) {
	if h.hung != "" || h.finished {
		return
	}
	h.hung, h.asserted = why, true
	if h.watchdogFor == 0 { // a WATCHDOG=trigger without -watchdog is a state, as any other
		return
	}
	go func() {
		h.say("%s: ending COMMAND by SIGABRT, and in 10s by SIGKILL", why)
		h.end(unix.SIGABRT)
		time.Sleep(10 * time.Second)
		h.end(unix.SIGKILL)
	}()
}

// report returns what is to be recorded. ok is false if there is nothing.
func (h *health) report() (r report.Report, ok bool) {
	r.Heartbeat = h.heartbeat
	known := len(h.answers) == 0
	for i := len(h.answers) - 1; i >= 0; i-- { // the first that is not ready counts
		a := &h.answers[i]
		known = known || a.known
		if !a.ready {
			r.Code, r.Reason = a.code, a.reason
		}
	}
	switch {
	case h.hung != "":
		r.Code, r.Reason, known = 1, "watchdog: "+h.hung, true
	case h.stopping:
		r.Code, r.Reason, known = 1, "stopping", true
	}
	same := r.Code == h.recorded.Code && r.Reason == h.recorded.Reason
	return r, h.heartbeat || known && h.asserted && !(same && r.Code == 0 && h.own.File != (report.File{}))
}

// record records until COMMAND has ended.
func (h *health) record() {
	var last time.Time
	for range h.news {
		h.mu.Lock()
		r, ok := h.report()
		same := r.Code == h.recorded.Code && r.Reason == h.recorded.Reason
		if wait := coalesce - time.Since(last); ok && same && h.own.File != (report.File{}) && wait > 0 && len(h.afterwards) == 0 {
			h.coalesced.Reset(wait)
			h.mu.Unlock()
			continue
		}
		afterwards := h.afterwards
		h.afterwards = nil
		if ok {
			h.heartbeat, h.asserted = false, false
		}
		h.mu.Unlock()
		if ok {
			last = time.Now()
			h.put(r)
		}
		for _, fd := range afterwards {
			unix.Close(fd)
		}
	}
}

// again is how long to wait before another try to record what could not be.
const again = time.Second

// put records a report, unless COMMAND has ended.
func (h *health) put(r report.Report) {
	h.recording.Lock()
	defer h.recording.Unlock()
	if h.finished {
		return
	}
	err := report.Record(h.unit, r, &h.own)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.recorded, h.complaint = r, ""
		return
	}
	if errors.Is(err, writer.ErrGone) { // COMMAND has just ended
		return
	}
	if text := err.Error(); text != h.complaint {
		h.complaint = text
		go h.say("%v", err)
	}
	if errors.Is(err, writer.ErrNotLoaded) || errors.Is(err, writer.ErrOwned) {
		return // somebody has reset the unit, or has it now
	}
	h.asserted = true
	h.heartbeat = h.heartbeat || r.Heartbeat
	h.coalesced.Reset(again)
}

// finish lets nothing be recorded any more.
func (h *health) finish() {
	h.recording.Lock()
	defer h.recording.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finished = true
	for _, fd := range h.afterwards {
		unix.Close(fd)
	}
	h.afterwards = nil
}

func exitText(status unix.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + unix.SignalName(status.Signal())
	}
	return "exit status " + strconv.Itoa(status.ExitStatus())
}
