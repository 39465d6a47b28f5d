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

var long = flag.Bool("long", false, "try every point and every mutant, and run each load test for a minute")

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
