//go:build linux

package mutation

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

var (
	long = flag.Bool("long", false, "try a sample of about thirty mutants")
	all  = flag.Bool("all", false, "try every mutant")
	only = flag.String("only", "", "try the mutants whose name matches this regular expression")
)

// TestMutation: see the package comment.
func TestMutation(t *testing.T) {
	if !*long && !*all && *only == "" {
		t.Skip("needs -long, -all or -only, and many minutes")
	}
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := testenv.TrackSources("testdata/script", "docs"); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	reasons := survivors(t)
	exports := exportData(t, root)
	exists := map[string]bool{}
	var chosen []mutant
	sampled := 0
	for _, d := range directories {
		sampled += d.sample
		mutants := generate(t, root, d, exports)
		for i, m := range mutants {
			exists[m.name] = true
			matches := *only != "" && regexp.MustCompile(*only).MatchString(m.name)
			if matches || *only == "" && (*long && i < d.sample || *all) {
				chosen = append(chosen, m)
			}
		}
		t.Logf("%s %s: %d mutants", d.path, d.tags, len(mutants))
	}
	for name := range reasons {
		if !exists[name] {
			t.Errorf("survivors.txt lists a mutant that does not exist: %s", name)
		}
	}
	lab := newLaboratory(t, root)
	if *only == "" {
		lab.requirePass(t)
	}
	var killed, survived int
	var mu sync.Mutex
	queue := make(chan mutant)
	var workers sync.WaitGroup
	for range atOnce { // much of the time is spent waiting
		workers.Go(func() {
			for m := range queue {
				started := time.Now()
				found, out, err := lab.try(m, t.TempDir())
				if found != "" && reasons[m.name] != "" { // a test may have failed for another reason
					found, out, err = lab.try(m, t.TempDir())
				}
				mu.Lock()
				switch {
				case err != nil:
					t.Errorf("%s: %v", m.name, err)
				case found != "" && reasons[m.name] != "":
					t.Errorf("survivors.txt lists a mutant that %s finds: %s\n%s", found, m.name, tail(out))
				case found != "":
					killed++
				default:
					survived++
					if reasons[m.name] == "" {
						t.Errorf("no test finds this mutant; write one, or list it in survivors.txt with the reason:\n%s", m.name)
					}
				}
				t.Logf("%.1fs %s: found by %q", time.Since(started).Seconds(), m.name, found)
				mu.Unlock()
			}
		})
	}
	for _, m := range chosen {
		queue <- m
	}
	close(queue)
	workers.Wait()
	fmt.Printf("mutation: %d of %d mutants tried, %d found, %d survived, %.0f s\n", len(chosen), len(exists), killed, survived, time.Since(started).Seconds())
	if *long && len(chosen) < sampled {
		t.Errorf("the sample has only %d mutants, want %d", len(chosen), sampled)
	}
}

// survivors reads survivors.txt: the name of a mutant on a line of its own, and the
// reason on the indented lines behind it. Lines with a # are comments.
func survivors(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	reasons, name := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimRight(line, "\n"); {
		case line == "" || line[0] == '#':
		case line[0] == '\t' && name != "":
			reasons[name] += strings.TrimSpace(line) + " "
		case slices.ContainsFunc(directories, func(d directory) bool { return strings.HasPrefix(line, d.path+"/") }):
			name = line
			reasons[name] += ""
		default:
			t.Errorf("survivors.txt: cannot read %q", line)
		}
	}
	for name, reason := range reasons {
		if reason == "" {
			t.Errorf("survivors.txt has no reason for %s", name)
		}
	}
	return reasons
}

// tail returns the end of what a test printed.
func tail(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
