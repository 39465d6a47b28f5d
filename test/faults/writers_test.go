//go:build linux && amd64

package faults

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// loadTime returns how long each test puts load on the unit.
func loadTime() time.Duration {
	if *long {
		return 20 * time.Second
	}
	return time.Second / 2
}

// appWriter is an application that writes until its standard input is closed.
type appWriter struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout strings.Builder
	stderr strings.Builder
}

func (f *fixture) startWriter(steps ...string) *appWriter {
	a := &appWriter{cmd: exec.Command(f.app, append([]string{f.runDir, f.unit}, steps...)...)}
	a.cmd.Stdout, a.cmd.Stderr = &a.stdout, &a.stderr
	stdin, err := a.cmd.StdinPipe() // closes when the test ends, even if it is killed
	must(err)
	a.stdin = stdin
	must(a.cmd.Start())
	return a
}

// stop ends the application, adds up what it did, and returns how often it did not get the
// lock.
func (a *appWriter) stop(f *fixture) (locked int) {
	a.stdin.Close()
	err := a.cmd.Wait()
	succeeded := 0
	if n, _ := fmt.Sscan(a.stdout.String(), &succeeded, &locked); err != nil || n != 2 || succeeded == 0 {
		f.violationf("a writer failed: %v: %q %q", err, a.stdout.String(), a.stderr.String())
	}
	total.add(func(t *tally) {
		t.Sets += succeeded
		t.LockTimeouts += locked
	})
	return locked
}

// probeRepeatedly runs two probes at once, without pause, for the load time.
func (f *fixture) probeRepeatedly(t *testing.T, check func(o outcome) (wrong string), flags ...string) {
	end := time.Now().Add(loadTime())
	var both sync.WaitGroup
	counts := make([]int, 2)
	for i := range counts {
		both.Go(func() {
			for time.Now().Before(end) && !f.enough() {
				o := f.command(f.probeArgs(flags...)...)
				counts[i]++
				if wrong := check(o); wrong != "" {
					f.violationf("under load: %s", wrong)
				}
			}
		})
	}
	both.Wait()
	total.add(func(t *tally) { t.Probes += counts[0] + counts[1] })
	t.Logf("%d probes", counts[0]+counts[1])
}

// codes have different lengths, so that a partly overwritten one would show.
var codes = []string{"0", "7", "42", "137", "2048", "65535", "1000000", "2147483647"}

// TestWritersUnderLoad lets 8 processes set different codes, each every 5 ms, and
// looks for a value that none of them wrote.
func TestWritersUnderLoad(t *testing.T) {
	h := newHarness(t)
	h.run([]func(){func() { h.writersUnderLoad(t) }})
	h.report(t)
}

func (h *harness) writersUnderLoad(t *testing.T) {
	f := h.newFixture()
	defer f.close()
	p := f.recordOwner("0")
	var writers []*appWriter
	for _, code := range codes {
		writers = append(writers, f.startWriter("pid:"+p.pidArg(), "sets:"+code+":5ms"))
	}
	// A set of another code than 0 that does not get the lock empties the file.
	var emptied atomic.Bool
	reading := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { f.readErrorFile(reading, &emptied) })
	f.probeRepeatedly(t, func(o outcome) string {
		if strings.HasSuffix(o.stderr, "/error is empty: the last set could not be recorded\n") {
			emptied.Store(true)
			return ""
		}
		return checkAnswer(o)
	}, "-v")
	close(reading)
	reader.Wait()
	locked := 0
	for _, a := range writers {
		locked += a.stop(f)
	}
	if emptied.Load() && locked == 0 {
		f.violationf("error was empty, though each set got the lock")
	}
	left, err := os.ReadDir(f.path())
	must(err)
	if len(left) != 5 {
		f.violationf("want pid, identity, error, reason and .lock to remain, got %v", left)
	}
}

// readErrorFile reads the error file repeatedly, as another program might.
func (f *fixture) readErrorFile(stop chan struct{}, emptied *atomic.Bool) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Microsecond):
		}
		b, err := os.ReadFile(f.path("error"))
		if err == nil && len(b) == 0 {
			emptied.Store(true)
			continue
		}
		whole := false
		for _, code := range codes {
			whole = whole || string(b) == code+"\n"
		}
		if err != nil || !whole {
			f.violationf("error holds %q (%v)", b, err)
			return
		}
	}
}

var (
	errorLine   = regexp.MustCompile(`^unhealthy: web: error ([0-9]+)(?:: code ([0-9]+))?\n$`)
	healthyLine = regexp.MustCompile(`^healthy: web: pid [0-9]+, identity verified, age -?[0-9.]+s, error 0(?:: code 0)?\n$`)
)

// checkAnswer accepts a code that a writer set, alone or with its own reason.
func checkAnswer(o outcome) (wrong string) {
	if o.status == 0 {
		if !healthyLine.MatchString(o.stdout) || o.stderr != "" {
			return fmt.Sprintf("%q %q", o.stdout, o.stderr)
		}
		return ""
	}
	m := errorLine.FindStringSubmatch(o.stderr)
	known := false
	for _, code := range codes[1:] {
		known = known || m != nil && m[1] == code
	}
	if !known || m[2] != "" && m[2] != m[1] {
		return fmt.Sprintf("%q", o.stderr)
	}
	return ""
}

// TestHeartbeatUnderLoad lets an application set 0 and beat without pause while two
// probes run without pause. None may report unhealthy.
func TestHeartbeatUnderLoad(t *testing.T) {
	h := newHarness(t)
	h.run([]func(){func() { h.heartbeatUnderLoad(t) }})
	h.report(t)
}

func (h *harness) heartbeatUnderLoad(t *testing.T) {
	f := h.newFixture()
	defer f.close()
	a := f.startWriter("load", "set:0", "beats")
	for deadline := time.Now().Add(hangTimeout); ; {
		if ok, line := f.healthy(); ok {
			break
		} else if time.Now().After(deadline) {
			f.violationf("the application does not become healthy: %s", line)
			break
		}
	}
	f.probeRepeatedly(t, func(o outcome) string {
		if o.status != 0 {
			return o.stderr
		}
		return ""
	}, "-max-age", "1h")
	a.stop(f)
}
