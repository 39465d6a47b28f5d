//go:build containers && linux

package containers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestRestart restarts an application whose state directory outlives it, and which is pid 1 in every
// run, while probes run as fast as they can. The state of a previous run must never make a later one
// healthy. A check of the pid alone is healthy whenever the probe prints "stale state".
func TestRestart(t *testing.T) {
	requireImages(t)
	const restarts = 50
	dir := t.TempDir()
	run, gates := filepath.Join(dir, "run"), filepath.Join(dir, "gates")
	for _, dir := range []string{run, gates} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, 65532, 65532); err != nil {
			t.Fatal(err)
		}
	}
	app := filepath.Join(dir, "app")
	if err := testenv.BuildPackage(app, "./test/integration/containers/testdata/app"); err != nil {
		t.Fatal(err)
	}
	id := start(t, "--network=none", "--read-only", "--user=65532:65532", "--cap-drop=ALL",
		"--security-opt=no-new-privileges", "--env=LIVENESS_UNIT_NAME=app",
		"--volume="+run+":/run", "--volume="+gates+":/gates:ro", "--volume="+app+":/app:ro",
		"--entrypoint=/app", releaseImage, "/gates")

	p := &prober{t: t, ask: insideOf(cgroupFile(t, id, "pids", "cgroup.procs"))}
	p.run(2)
	defer p.halt()
	gate := func(name string) { touch(t, filepath.Join(gates, name)) }
	for n := range restarts {
		// Half of the runs are killed at once, half are asked to stop first.
		for _, name := range []string{"load", "set"} {
			os.Remove(filepath.Join(gates, name))
		}
		if n%2 == 0 {
			docker(t, "restart", id)
		} else {
			docker(t, "kill", id)
			docker(t, "wait", id)
			docker(t, "start", id)
		}
		pid := inspect(t, id, "{{.State.Pid}}")
		if n > 0 {
			await(t, "stale state", func() string { return p.last(pid) })
		}
		gate("load")
		await(t, "not set", func() string { return p.last(pid) })
		p.allowed.Store(pid, true)
		gate("set")
		await(t, "healthy", func() string { return p.last(pid) })
	}
	p.halt()
	t.Logf("%d restarts; probes, by answer: %v", restarts, p.answers)
}

// A prober runs the probe inside a container that is restarted, and notes the answers of each run.
type prober struct {
	t       *testing.T
	ask     func() (run, stderr string, code int) // run is "" where nothing was asked
	allowed sync.Map                              // the runs that may be healthy
	done    atomic.Bool
	wait    sync.WaitGroup

	mu      sync.Mutex
	answers map[string]int
	latest  map[string]string
}

func (p *prober) run(n int) {
	p.answers, p.latest = map[string]int{}, map[string]string{}
	for range n {
		p.wait.Go(func() {
			for !p.done.Load() {
				p.probe()
			}
		})
	}
}

func (p *prober) halt() {
	p.done.Store(true)
	p.wait.Wait()
}

func (p *prober) last(run string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest[run]
}

// insideOf asks in the container whose processes group lists, and names its runs by the pid that their
// pid 1 has outside. It does so without the engine, which would take a hundred times as long.
func insideOf(group string) func() (pid, stderr string, code int) {
	return func() (pid, stderr string, code int) {
		list, _ := os.ReadFile(group)
		if pid, _, _ = strings.Cut(string(list), "\n"); pid == "" {
			return "", "", 0
		}
		_, stderr, code = try(exec.Command("nsenter", "--target="+pid, "--mount", "--pid",
			"/healthprobe", "-rundir=/run", "-unit=app"))
		return pid, stderr, code
	}
}

func (p *prober) probe() {
	run, stderr, code := p.ask()
	if run == "" {
		return
	}
	_, allowed := p.allowed.Load(run)
	answer := "other: " + stderr
	switch {
	case code == 0:
		answer = "healthy"
		if !allowed && p.last(run) != "healthy" {
			p.t.Errorf("healthy before this run's set")
		}
	case !strings.HasPrefix(stderr, "unhealthy: app: "):
		answer = "not entered" // the run ended, or the engine had not finished building its namespaces
	default:
		for _, known := range []string{"stale state", "not loaded", "not set"} {
			if strings.Contains(stderr, known) {
				answer = known
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[answer]++
	p.latest[run] = answer
}

func touch(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}
