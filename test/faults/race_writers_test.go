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
	"testing"
	"time"
)

// loadTime is how long each of the loads lasts.
func loadTime() time.Duration {
	if *long {
		return time.Minute
	}
	return 2 * time.Second
}

// user is an application that writes until its standard input is closed.
type user struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout strings.Builder
	stderr strings.Builder
}

func (w *world) use(steps ...string) *user {
	u := &user{cmd: exec.Command(w.app, append([]string{w.runDir, w.unit}, steps...)...)}
	u.cmd.Stdout, u.cmd.Stderr = &u.stdout, &u.stderr
	stdin, err := u.cmd.StdinPipe() // closed with the test, however it ends
	must(err)
	u.stdin = stdin
	must(u.cmd.Start())
	return u
}

// stop ends the application and counts what it did.
func (u *user) stop(w *world) {
	u.stdin.Close()
	err := u.cmd.Wait()
	worked, locked := 0, 0
	if n, _ := fmt.Sscan(u.stdout.String(), &worked, &locked); err != nil || n != 2 || worked == 0 {
		w.violated("a writer failed: %v: %q %q", err, u.stdout.String(), u.stderr.String())
	}
	total.add(func(t *tally) {
		t.Sets += worked
		t.LockTimeouts += locked
	})
}

// probes asks without pause from two places at once until the time is over.
func (w *world) probes(t *testing.T, judge func(o outcome) (wrong string), flags ...string) {
	end := time.Now().Add(loadTime())
	var both sync.WaitGroup
	asked := make([]int, 2)
	for i := range asked {
		both.Go(func() {
			for time.Now().Before(end) && !w.enough() {
				o := w.command(w.probeArgs(flags...)...)
				asked[i]++
				if wrong := judge(o); wrong != "" {
					w.violated("under load: %s", wrong)
				}
			}
		})
	}
	both.Wait()
	total.add(func(t *tally) { t.Probes += asked[0] + asked[1] })
	t.Logf("%d probes", asked[0]+asked[1])
}

// codes have different lengths, so that one written over another would show.
var codes = []string{"0", "7", "42", "137", "2048", "65535", "1000000", "2147483647"}

// TestManyWriters lets 8 processes set different codes, with 5 ms between two
// sets of each, and looks for a value that nobody wrote.
func TestManyWriters(t *testing.T) {
	h := newHarness()
	h.run([]func(){func() { h.manyWriters(t) }})
	h.report(t)
}

func (h *harness) manyWriters(t *testing.T) {
	w := h.newWorld()
	defer w.close()
	l := w.ownedBy("0")
	var users []*user
	for _, code := range codes {
		users = append(users, w.use("pid:"+l.pidArg(), "sets:"+code+":5ms"))
	}
	reading := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { w.readRaw(reading) })
	w.probes(t, wholeAnswer, "-v")
	close(reading)
	reader.Wait()
	for _, u := range users {
		u.stop(w)
	}
	left, err := os.ReadDir(w.path())
	must(err)
	if len(left) != 4 {
		w.violated("pid, identity, error and reason are to be left over, not %v", left)
	}
}

// readRaw reads the error file as other programs do.
func (w *world) readRaw(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Microsecond):
		}
		b, err := os.ReadFile(w.path("error"))
		whole := false
		for _, code := range codes {
			whole = whole || string(b) == code+"\n"
		}
		if err != nil || !whole {
			w.violated("error holds %q (%v)", b, err)
			return
		}
	}
}

var (
	answer      = regexp.MustCompile(`^unhealthy: web: error ([0-9]+)(?:: code ([0-9]+))?\n$`)
	goodHealthy = regexp.MustCompile(`^healthy: web: pid [0-9]+, identity verified, age -?[0-9.]+s, error 0(?:: code 0)?\n$`)
)

// wholeAnswer accepts a code that somebody set, alone or with its own reason.
func wholeAnswer(o outcome) (wrong string) {
	if o.status == 0 {
		if !goodHealthy.MatchString(o.stdout) || o.stderr != "" {
			return fmt.Sprintf("%q %q", o.stdout, o.stderr)
		}
		return ""
	}
	m := answer.FindStringSubmatch(o.stderr)
	known := false
	for _, code := range codes[1:] {
		known = known || m != nil && m[1] == code
	}
	if !known || m[2] != "" && m[2] != m[1] {
		return fmt.Sprintf("%q", o.stderr)
	}
	return ""
}

// TestBeatingApplication lets an application set 0 and beat without pause while
// two probes ask without pause: not one may say unhealthy.
func TestBeatingApplication(t *testing.T) {
	h := newHarness()
	h.run([]func(){func() { h.beating(t) }})
	h.report(t)
}

func (h *harness) beating(t *testing.T) {
	w := h.newWorld()
	defer w.close()
	u := w.use("load", "set:0", "beats")
	for deadline := time.Now().Add(hangs); ; {
		if ok, line := w.healthy(); ok {
			break
		} else if time.Now().After(deadline) {
			w.violated("the application does not become healthy: %s", line)
			break
		}
	}
	w.probes(t, func(o outcome) string {
		if o.status != 0 {
			return o.stderr
		}
		return ""
	}, "-max-age", "1h")
	u.stop(w)
}
