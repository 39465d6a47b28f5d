//go:build linux && amd64

package faults

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

var (
	long  = flag.Bool("long", false, "try every mutant and every point, but of similar scenarios one in eight, and run each load test for 20 seconds")
	every = flag.Bool("every", false, "with -long: every point of similar scenarios too")
)

// scratch is the directory of the programs and of all run directories. It is
// readable by everyone, because some tests probe as another user.
var scratch string

// built holds the programs under test, once buildOnce has built them.
var built *programs

// buildOnce builds them, unless this is a test that was started again in
// namespaces: it uses the programs already built.
var buildOnce = sync.OnceValue(func() error {
	if os.Getenv(insideEnv) != "" {
		return nil
	}
	return errors.Join(built.build(""), built.buildApp())
})

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	unix.Umask(0o022)
	inside := os.Getenv(insideEnv) != ""
	if inside {
		scratch = os.Getenv(scratchEnv)
	} else {
		dir, err := os.MkdirTemp("", "faults-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		os.Chmod(dir, 0o755)
		scratch = dir
	}
	started := time.Now()
	built = programsIn(filepath.Join(scratch, "bin"))
	status := m.Run()
	if inside {
		total.save(os.Getenv(tallyEnv))
		return status
	}
	fmt.Printf("faults: %v, %.0f s\n", &total, time.Since(started).Seconds())
	return status
}

// programs holds the paths of one build.
type programs struct{ dir, ctl, probe, app string }

func programsIn(dir string) *programs {
	return &programs{dir, filepath.Join(dir, "healthctl"), filepath.Join(dir, "healthprobe"), filepath.Join(dir, "app")}
}

// build links healthctl and healthprobe the way a release does. overlay is a
// file for go build -overlay, or "".
func (p *programs) build(overlay string) error {
	return testenv.Build(p.dir, testenv.Options{Overlay: overlay})
}

func (p *programs) buildApp() error {
	return testenv.BuildPackage(p.app, "./test/faults/testdata/app")
}

// tally holds the counts of the closing line.
type tally struct {
	mu sync.Mutex
	Points, Violations, Missed, Mutants, Caught,
	Sets, Probes, LockTimeouts int
}

var total tally

func (t *tally) add(change func(*tally)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

func (t *tally) String() string {
	return fmt.Sprintf("%d points tried, %d violations, %d of %d mutants caught; under load %d sets and beats, %d probes, %d lock time-outs; %d points that a second run did not reach",
		t.Points, t.Violations, t.Caught, t.Mutants, t.Sets, t.Probes, t.LockTimeouts, t.Missed)
}

func (t *tally) save(path string) {
	b, err := json.Marshal(t)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// merge adds the counts that a run in a namespace saved to path.
func (t *tally) merge(path string) error {
	var more tally
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &more)
	}
	t.add(func(t *tally) {
		t.Points += more.Points
		t.Violations += more.Violations
		t.Missed += more.Missed
	})
	return err
}

// harness tries points against one build of the programs and collects the
// violations. It does not report to testing.T itself, because for a mutant a
// violation is success.
type harness struct {
	*programs
	every      bool   // try every point, not a sample
	wanted     string // only violations with this text count, and one is enough; "": all count
	mu         sync.Mutex
	points     int
	missed     int // points that a second run did not reach
	violations []string
}

// newHarness builds the programs before the first test, and not in TestMain: see
// testenv.TrackSources.
func newHarness(t *testing.T) *harness {
	t.Helper()
	if err := buildOnce(); err != nil {
		t.Fatal(err)
	}
	return &harness{programs: built, every: *every}
}

func (h *harness) countPoint() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.points++
}

func (h *harness) violationf(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// Every fixture has its own directory. Its random name would only be noise.
	text := regexp.MustCompile(regexp.QuoteMeta(scratch)+`/run-[0-9]+`).ReplaceAllString(fmt.Sprintf(format, args...), "RUNDIR")
	if strings.Contains(text, h.wanted) {
		h.violations = append(h.violations, text)
	}
}

// enough reports whether the wanted violation has been found.
func (h *harness) enough() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wanted != "" && len(h.violations) > 0
}

// sampled reports whether to try point n of a kind: one in similar in the long form,
// and in the short form one in oneOf of these. Each kind has another sample, and it is
// the same in each run.
func (h *harness) sampled(kind string, n, oneOf, similar int) bool {
	switch {
	case h.every:
		return true
	case *long:
		oneOf = 1
	}
	f := fnv.New32a()
	f.Write([]byte(kind))
	return (n+int(f.Sum32()%1000))%(oneOf*similar) == 0
}

// run runs jobs on locked OS threads, because a tracee is bound to the thread
// that traces it.
func (h *harness) run(jobs []func()) {
	queue := make(chan func())
	var workers sync.WaitGroup
	for range h.workers() {
		workers.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			for job := range queue {
				if !h.enough() {
					h.runJob(job)
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

// workers is how many jobs run at once: each waits most of the time, for the programs
// that it stops. In a pid namespace where pids are used again they take them from each
// other.
func (h *harness) workers() int {
	if os.Getenv(insideEnv) != "" {
		return runtime.NumCPU()
	}
	return 3 * runtime.NumCPU()
}

// runJob turns a panic of job into a violation, so that the test still cleans up.
func (h *harness) runJob(job func()) {
	defer func() {
		if p := recover(); p != nil {
			h.violationf("panic in the test itself: %v\n%s", p, debug.Stack())
		}
	}()
	job()
}

// report turns violations into test errors. It shows only the first few, because
// one bug usually shows at many points.
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
	t.Logf("%d points, %d violations, %d points that a second run did not reach", h.points, len(h.violations), h.missed)
	total.add(func(t *tally) {
		t.Points += h.points
		t.Violations += len(h.violations)
		t.Missed += h.missed
	})
}

// requirePtrace skips a test where processes cannot be traced, as in some
// containers.
func requirePtrace(t *testing.T) {
	t.Helper()
	h := newHarness(t)
	var end traceResult
	var err error
	h.run([]func(){func() {
		t := &tracer{argv: []string{built.probe, "-version"}, decide: func(call) action { return action{} }}
		end, err = t.run()
	}})
	testenv.Require(t, err == nil && end.status == 0, "cannot trace with ptrace: %v, status %d", err, end.status)
}
