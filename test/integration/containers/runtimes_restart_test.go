//go:build containers && linux

package containers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testRestart kills an application again and again, and starts it in a new container with the state
// of the previous run, which was healthy: every application is pid 1. Until this run's set, the probe
// must never be healthy, while a check of the pid alone is.
func testRestart(t *testing.T, runtime ociRuntime, rootfs string) {
	restarts := 10
	if runtime.name == runsc.name {
		restarts = 5
	}
	b := newAppBundle(t, runtime, rootfs)
	p := &prober{t: t, ask: func() (run, stderr string, code int) {
		if run = b.container(); run != "" {
			_, stderr, code = b.execIn(run, "/healthprobe")
		}
		return run, stderr, code
	}}
	p.run(1)
	defer p.halt()
	for n := range restarts + 1 {
		b.closeGates()
		b.start()
		run := b.container()
		if n > 0 {
			await(t, "stale state", func() string { return p.last(run) })
			pidAlone(t, b)
		}
		b.open("load")
		await(t, "not set", func() string { return p.last(run) })
		p.allowed.Store(run, true)
		b.open("set")
		await(t, "healthy", func() string { return p.last(run) })
	}
	p.halt()
	t.Logf("%d restarts; probes, by answer: %v", restarts, p.answers)
}

// pidAlone shows what the stale state is worth without its identity: a second unit that has the same
// pid and error is healthy. So a probe that did not compare the identity would fail this test.
func pidAlone(t *testing.T, b *appBundle) {
	t.Helper()
	alone := filepath.Join(filepath.Dir(b.state), "alone")
	if err := sequence([]string{"mkdir", "-p", alone},
		[]string{"cp", b.state + "/pid", b.state + "/error", alone}); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := b.exec("/healthprobe", "-unit=alone"); code != 0 {
		t.Errorf("with the pid alone: status %d, %q", code, stderr)
	}
}

// testRestartAtOnce kills an application as soon as it is healthy and starts it in a new sandbox, both
// within a second where it can. Where there is no boot id, and each sandbox counts its clock ticks from 0,
// the seconds of the boot's time and the start time are then often those of the previous run.
func testRestartAtOnce(t *testing.T, runtime ociRuntime, rootfs string) {
	const restarts = 12
	b := newAppBundle(t, runtime, rootfs)
	file := func(name string) string { return filepath.Join(b.state, name) }
	healthySince := func() (changed time.Time) {
		if code, err := os.ReadFile(file("error")); err != nil || string(code) != "0\n" {
			return changed
		}
		if fi, err := os.Stat(file("error")); err == nil {
			changed = fi.ModTime()
		}
		return changed
	}
	var before time.Time
	identity, alike := "", 0
	for n := range restarts + 1 {
		b.closeGates()
		b.start()
		if _, stderr, code := b.exec("/healthprobe"); code == 0 || n > 0 && !strings.Contains(stderr, "stale state") {
			t.Errorf("before the load of run %d: status %d, %q", n, code, stderr)
		}
		b.open("load")
		b.open("set")
		began := time.Now()
		for now := before; now.IsZero() || now.Equal(before); now = healthySince() {
			if time.Since(began) > time.Minute {
				t.Fatalf("run %d does not set 0", n)
			}
			time.Sleep(time.Millisecond)
		}
		before = healthySince()
		previous := identity
		identity = number(t, file("identity"))
		if n > 0 && inSeconds(identity) == inSeconds(previous) {
			alike++
		}
		if n == restarts/2 {
			if stdout, stderr, code := b.exec("/healthprobe", "-v"); code != 0 || !strings.Contains(stdout, ", identity verified, ") {
				t.Errorf("after the set: status %d, %q, %q", code, stdout, stderr)
			}
		}
		b.kill()
	}
	t.Logf("%d restarts; %d of them with the same pid, start time and boot in seconds; the last is %s", restarts, alike, identity)
}

// inSeconds returns an identity without the nanoseconds of the boot's time.
func inSeconds(identity string) string {
	process, time, ok := strings.Cut(identity, "btime-")
	if !ok {
		return identity
	}
	seconds, _, _ := strings.Cut(time, "-")
	return process + seconds
}
