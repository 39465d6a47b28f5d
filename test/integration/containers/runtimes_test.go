//go:build containers && linux

package containers

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestRuntimes runs the programs under runtimes of different make, one of which has a kernel of its
// own. The root file system holds static programs and nothing else.
func TestRuntimes(t *testing.T) {
	rootfs := ""
	for _, runtime := range runtimes {
		t.Run(runtime.name, func(t *testing.T) {
			testenv.Require(t, os.Geteuid() == 0, "a container runtime needs root")
			testenv.LookPath(t, runtime.name, runtime.name)
			if rootfs == "" {
				rootfs = scratch(t)
			}
			t.Log(measuredOn(t, runtime.name))
			t.Run("life", func(t *testing.T) { testLife(t, runtime, rootfs) })
			t.Run("restart", func(t *testing.T) { testRestart(t, runtime, rootfs) })
			if runtime.name == runsc.name { // the others share this machine's boot id and clock ticks
				t.Run("restart at once", func(t *testing.T) { testRestartAtOnce(t, runtime, rootfs) })
			}
			t.Run("exec", func(t *testing.T) { testExec(t, runtime, rootfs) })
			t.Run("run", func(t *testing.T) { testRun(t, runtime, rootfs) })
		})
	}
}

// scratch returns a root file system with the released programs and the test application.
func scratch(t testing.TB) (rootfs string) {
	t.Helper()
	rootfs, err := os.MkdirTemp(workdir, "scratch-")
	if err != nil {
		t.Fatal(err)
	}
	for name, pkg := range map[string]string{"app": "./test/integration/containers/testdata/app", "server": serverPackage} {
		if err := testenv.BuildPackage(filepath.Join(rootfs, name), pkg); err != nil {
			t.Fatal(err)
		}
	}
	programs := build(t)
	if err := sequence(
		[]string{"chmod", "755", rootfs},
		[]string{"cp", programs + "/healthprobe", programs + "/healthctl", rootfs},
		[]string{"mkdir", rootfs + "/proc", rootfs + "/dev", rootfs + "/run", rootfs + "/gates"},
		[]string{"touch", rootfs + "/notes.txt"},
	); err != nil {
		t.Fatal(err)
	}
	return rootfs
}

// An appBundle runs the test application. Its state outlives every run.
type appBundle struct {
	*bundle
	state string // the unit's directory, as this machine sees it
	gates string
}

func newAppBundle(t testing.TB, runtime ociRuntime, rootfs string) *appBundle {
	t.Helper()
	run, gates := t.TempDir(), t.TempDir()
	if err := os.Chown(run, appUser, appUser); err != nil {
		t.Fatal(err)
	}
	return &appBundle{
		bundle: newBundle(t, runtime, bundleConfig{rootfs: rootfs, args: []string{"/app", "/gates"},
			binds: map[string]string{"/run": run, "/gates": gates}}),
		state: filepath.Join(run, "app"),
		gates: gates,
	}
}

func (b *appBundle) open(gate string) { touch(b.t, filepath.Join(b.gates, gate)) }

func (b *appBundle) closeGates() {
	for _, gate := range []string{"load", "set"} {
		os.Remove(filepath.Join(b.gates, gate))
	}
}

// testLife takes an application through all states. Each is checked by what the runtime's exec passes
// on of the probe, for readiness and for liveness.
func testLife(t *testing.T, runtime ociRuntime, rootfs string) {
	b := newAppBundle(t, runtime, rootfs)
	b.start()
	healthctl := func(args ...string) {
		t.Helper()
		if stdout, stderr, code := b.exec(append([]string{"/healthctl"}, args...)...); code != 0 || stdout+stderr != "" {
			t.Fatalf("healthctl %q: status %d\n%s\n%s", args, code, stdout, stderr)
		}
	}
	// The application itself takes a moment from one state to the next.
	expect := func(ready, live string) {
		t.Helper()
		for flags, want := range map[string]string{"": ready, "-live": live} {
			await(t, want, func() string {
				stdout, stderr, code := b.exec(append([]string{"/healthprobe"}, strings.Fields(flags)...)...)
				return strconv.Itoa(code) + stdout + " " + stderr
			})
		}
	}
	const healthy = "0 "
	const empty = "1 unhealthy: app: not loaded: no directory /run/app"
	const reset = "1 unhealthy: app: not loaded: no pid in /run/app"
	expect(empty, empty)
	b.open("load")
	expect("1 unhealthy: app: not ready: loaded, but not set to 0 yet", healthy)
	b.open("set")
	expect(healthy, healthy)
	healthctl("set", "3", "upstream db unreachable")
	expect("1 unhealthy: app: error 3: upstream db unreachable", healthy)
	healthctl("set", "0")
	healthctl("beat")
	expect(healthy, healthy)
	if stdout, stderr, code := b.exec("/healthprobe", "-strict", "-max-age=1h", "-v"); code != 0 ||
		!strings.HasPrefix(stdout, "healthy: app: pid 1, identity verified, ") {
		t.Errorf("healthprobe -v: status %d, %q, %q", code, stdout, stderr)
	}
	healthctl("reset")
	expect(reset, reset)
}

// testExec has healthctl exec as pid 1.
func testExec(t *testing.T, runtime ociRuntime, rootfs string) {
	bundle := func(command ...string) *bundle {
		return newBundle(t, runtime, bundleConfig{rootfs: rootfs, args: append([]string{"/healthctl", "exec"}, command...), tmpfs: []string{"/run"}})
	}
	b := bundle("/app", "/gates")
	b.start()
	await(t, "0", func() string {
		_, _, code := b.exec("/healthprobe")
		return strconv.Itoa(code)
	})
	if stdout, stderr, code := b.exec("/healthprobe", "-v"); !strings.HasPrefix(stdout, "healthy: app: pid 1, identity verified, ") {
		t.Errorf("healthprobe -v: status %d, %q, %q", code, stdout, stderr)
	}
	await(t, "app", func() string { // healthy comes just before healthctl becomes the application
		name, stderr, _ := b.exec("/app")
		return name + stderr
	})
	for command, want := range map[string]int{"/nonexistent": 127, "/notes.txt": 126} {
		_, stderr, code := bundle(command).run()
		if code != want || !strings.Contains(stderr, "exec app: "+command+": ") {
			t.Errorf("exec of %s: status %d, want %d\n%s", command, code, want, stderr)
		}
	}
}

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
