//go:build linux && amd64

package faults

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// harness runs points against one build of the programs and collects what it
// finds. It is no testing.T, because for a planted bug a violation is success.
type harness struct {
	*programs
	every      bool   // try every point, not a sample
	wanted     string // a violation with this text is enough, and others do not count; "": all count
	mu         sync.Mutex
	points     int
	moved      int
	violations []string
}

func newHarness() *harness { return &harness{programs: built, every: *long} }

func (h *harness) point() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.points++
}

func (h *harness) violated(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// Every world has a directory of its own: its name says nothing.
	text := regexp.MustCompile(regexp.QuoteMeta(scratch)+`/run-[0-9]+`).ReplaceAllString(fmt.Sprintf(format, args...), "RUNDIR")
	if strings.Contains(text, h.wanted) {
		h.violations = append(h.violations, text)
	}
}

// enough tells that nothing more needs to be tried.
func (h *harness) enough() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wanted != "" && len(h.violations) > 0
}

// sampled tells whether to try point n of a kind: every one, or in the short
// form one of so many. Which ones is different for each kind, and always the same.
func (h *harness) sampled(kind string, n, oneOf int) bool {
	if h.every {
		return true
	}
	f := fnv.New32a()
	f.Write([]byte(kind))
	return (n+int(f.Sum32()%1000))%oneOf == 0
}

// run runs jobs, each on a thread that stays its own: ptrace belongs to threads.
func (h *harness) run(jobs []func()) {
	queue := make(chan func())
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			for job := range queue {
				if !h.enough() {
					h.guarded(job)
				}
			}
		})
	}
	for _, job := range jobs {
		queue <- job
	}
	close(queue)
	workers.Wait()
}

// guarded makes a panic of a job a violation, so that the test cleans up after
// itself whatever goes wrong.
func (h *harness) guarded(job func()) {
	defer func() {
		if p := recover(); p != nil {
			h.violated("the test itself broke: %v\n%s", p, debug.Stack())
		}
	}()
	job()
}

// report makes violations errors of the test. Of many only the first are shown:
// one bug shows at many points.
func (h *harness) report(t *testing.T) {
	t.Helper()
	const shown = 12
	for i, v := range h.violations {
		if i == shown {
			t.Errorf("and %d more", len(h.violations)-shown)
			break
		}
		t.Error(v)
	}
	t.Logf("%d points, %d violations, %d points that a second run did not reach", h.points, len(h.violations), h.moved)
	total.add(func(t *tally) {
		t.Points += h.points
		t.Violations += len(h.violations)
		t.Moved += h.moved
	})
}

// tracing ends a test where processes cannot be traced, as in some containers.
func tracing(t *testing.T) {
	t.Helper()
	h := newHarness()
	var end ending
	var err error
	h.run([]func(){func() {
		t := &tracer{argv: []string{built.probe, "-version"}, decide: func(call) action { return action{} }}
		end, err = t.run()
	}})
	testenv.Require(t, err == nil && end.status == 0, "cannot trace with ptrace: %v, status %d", err, end.status)
}
