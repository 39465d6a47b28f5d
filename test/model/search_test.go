package model

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	long   = flag.Bool("long", false, "search to the bounds of .ci/run, and for every bug")
	larger = flag.Bool("larger", false, "search to larger bounds, which takes about 10 minutes and 8 GB")
)

// searches are all that a run with -long tries, and -larger after them. None may
// find anything.
var searches = []struct {
	options string
	of      *bool // nil: also without a flag
}{
	{"CALLS=2 FAULTS=1", nil},
	{"CALLS=3 FAULTS=1 BIRTHS=1", long},
	{"CALLS=3 BOOTS=1", long},
	{"CALLS=3 REPLACED=1", long},
	{"LOADED CALLS=2 FAULTS=1 BIRTHS=1", long},
	{"LOADED HANDOVER CALLS=3 FAULTS=1", long},
	{"CALLS=4 FAULTS=1", larger},
	{"LOADED CALLS=2 FAULTS=2 BIRTHS=1 REPLACED=1", larger},
}

// TestSearch tries every order of steps, within bounds.
func TestSearch(t *testing.T) {
	requireSpin(t)
	for _, s := range searches {
		if s.of != nil && !*s.of {
			continue
		}
		t.Run(s.options, func(t *testing.T) {
			t.Parallel()
			r := search(t, s.options, false, s.of == nil)
			if !r.complete {
				t.Errorf("the search was not completed:\n%s", r.output)
			}
			if r.broken != "" {
				t.Errorf("the promise %q is broken:\n%s", r.broken, r.steps)
			}
			t.Logf("%s states in %s", r.states, r.memory)
		})
	}
}

// The promises, as the model asserts them: see doc.go.
const (
	safety   = "was_ready"
	liveness = "was_unready"
	oneOwner = " !(two_owners)"
)

// bugs have to be found. Breadth first gives the shortest steps, but takes more
// memory.
var bugs = []struct {
	name, options string
	breaks        string
	breadth       bool
}{
	{"BUG_RESET_REMOVES_IDENTITY_FIRST", "LOADED CALLS=1 BIRTHS=1", safety, true}, // as in the documentation
	{"BUG_NO_LOCK", "LOADED CALLS=2", oneOwner, false},
	{"BUG_ERROR_KEPT", "LOADED CALLS=1", safety, true},
	{"BUG_CLEARED_ONCE", "CALLS=3", safety, false},
	{"BUG_ERROR_FIRST", "LOADED CALLS=1", safety, true},
	{"BUG_PID_FIRST", "CALLS=2", safety, true},
	{"BUG_NO_START_TIME", "LOADED CALLS=0 BIRTHS=1", safety, true},
	{"BUG_OWNER_IGNORED", "LOADED CALLS=1", liveness, true},
	{"BUG_TAKEN_WHEN_UNSURE", "LOADED CALLS=1", liveness, true},
	{"BUG_REPLACED_DIRECTORY", "CALLS=2 REPLACED=1", liveness, true},
	{"BUG_INODES_ONLY", "LOADED HANDOVER CALLS=3 FAULTS=1", liveness, false},
	{"LIMIT_LAST_LOOK", "LOADED HANDOVER CALLS=3 FAULTS=1", liveness, false},
}

// TestBugs: a search that finds nothing must be able to. Each bug has to break a
// promise, and -v prints the steps that lead there.
func TestBugs(t *testing.T) {
	if !*long {
		t.Skip("needs -long, and compiles a search for each bug")
	}
	requireSpin(t)
	for _, bug := range bugs {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			r := search(t, bug.name+" "+bug.options, bug.breadth, !strings.Contains(bug.options, "HANDOVER"))
			if r.broken != bug.breaks {
				t.Fatalf("found %q, want %q broken:\n%s", r.broken, bug.breaks, r.output)
			}
			t.Logf("%s is broken:\n%s", r.broken, r.steps)
			if bug.name == "BUG_RESET_REMOVES_IDENTITY_FIRST" {
				page, err := os.ReadFile("../../docs/internals.md")
				if err != nil || !strings.Contains(string(page), r.steps) {
					t.Errorf("docs/internals.md has other steps: %v", err)
				}
			}
		})
	}
}

type result struct {
	output         string
	complete       bool
	broken         string // the assertion that does not hold, or ""
	steps          string // that lead there
	states, memory string
}

var (
	brokenLine = regexp.MustCompile(`assertion violated (.*) \(at depth`)
	statesLine = regexp.MustCompile(`([0-9.e+]+) states, stored`)
	memoryLine = regexp.MustCompile(`([0-9.]+)\ttotal actual memory`)
)

// search does what spin -search does, in a directory of its own.
func search(t *testing.T, options string, breadth, quick bool) (r result) {
	t.Helper()
	protocol, err := filepath.Abs("protocol.pml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", c, err, out)
		}
		return string(out)
	}
	var macros []string
	for _, option := range strings.Fields(options) {
		macros = append(macros, "-D"+option)
	}
	run("spin", append(append([]string{"-a"}, macros...), protocol)...)
	how := "-DCOLLAPSE" // states take less room; none is left out
	if breadth {
		how = "-DBFS"
	}
	// -E: no process has to come to its end. Two searches run at a time: 4 GB in all.
	limit := "-DMEMLIM=1900"
	if *larger {
		limit = "-DMEMLIM=16000"
	}
	optimize := "-O2"
	if quick { // compiling would take longer than the search
		optimize = "-O0"
	}
	run("gcc", optimize, "-w", "-DSAFETY", how, limit, "-o", "pan", "pan.c")
	r.output = run("./pan", "-E", "-m100000")
	first := func(line *regexp.Regexp) string {
		if m := line.FindStringSubmatch(r.output); m != nil {
			return m[1]
		}
		return ""
	}
	r.broken, r.states, r.memory = first(brokenLine), first(statesLine), first(memoryLine)+" MB"
	if n, err := strconv.ParseFloat(r.states, 64); err == nil { // 1e8 and more have an exponent, and 8 digits
		r.states = strconv.FormatFloat(n, 'f', 0, 64)
	}
	r.complete = strings.Contains(r.output, "errors: ") && !strings.Contains(r.output, "not completed") && !strings.Contains(r.output, "too small")
	trail := "protocol.pml.trail"
	if _, err := os.Stat(filepath.Join(dir, trail)); err == nil {
		r.steps = readable(run("spin", append(append([]string{"-T", "-t", "-k", trail}, macros...), protocol)...))
	}
	return r
}

// readable puts the steps that one program makes in a row on one line.
func readable(trail string) string {
	var b strings.Builder
	last := ""
	for line := range strings.Lines(trail) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "spin: ") || strings.HasPrefix(line, "#processes") {
			break
		}
		actor, step, found := strings.Cut(line, ": ")
		switch {
		case found && actor == last:
			fmt.Fprintf(&b, ", %s", step)
		default:
			fmt.Fprintf(&b, "\n%s", line)
		}
		last = actor
	}
	return b.String() + "\n"
}
