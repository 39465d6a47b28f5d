//go:build linux && amd64

package faults

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

var long = flag.Bool("long", false, "every point and every planted bug, and a minute for each load; CI gives it")

// scratch is where the programs and all state directories are. Everyone may
// look, for some tests probe as another user.
var scratch string

// built are the programs under test.
var built *programs

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	unix.Umask(0o022)
	// A test that runs again in a namespace finds the programs built.
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
	if !inside {
		if err := errors.Join(built.build(""), built.buildApp()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	status := m.Run()
	if inside {
		total.save(os.Getenv(tallyEnv))
		return status
	}
	fmt.Printf("faults: %v, %.0f s\n", &total, time.Since(started).Seconds())
	return status
}

// programs are the paths of one build.
type programs struct{ dir, ctl, probe, app string }

func programsIn(dir string) *programs {
	return &programs{dir, filepath.Join(dir, "healthctl"), filepath.Join(dir, "healthprobe"), filepath.Join(dir, "app")}
}

// build links healthctl and healthprobe as releases are. overlay is a file for
// go build -overlay, or "".
func (p *programs) build(overlay string) error {
	return testenv.Build(p.dir, testenv.Options{Overlay: overlay})
}

func (p *programs) buildApp() error {
	return testenv.BuildPackage(p.app, "./test/faults/testdata/app")
}

// tally is what the closing line counts.
type tally struct {
	mu sync.Mutex
	Points, Violations, Moved, Planted, Caught,
	Sets, Probes, LockTimeouts int
}

var total tally

func (t *tally) add(change func(*tally)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

func (t *tally) String() string {
	return fmt.Sprintf("%d points tried, %d violations, %d of %d planted bugs caught; under load %d sets and beats, %d probes, %d lock time-outs; %d points that a second run did not reach",
		t.Points, t.Violations, t.Caught, t.Planted, t.Sets, t.Probes, t.LockTimeouts, t.Moved)
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

// collect adds what a run in a namespace has counted.
func (t *tally) collect(path string) error {
	var more tally
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &more)
	}
	t.add(func(t *tally) {
		t.Points += more.Points
		t.Violations += more.Violations
		t.Moved += more.Moved
	})
	return err
}
