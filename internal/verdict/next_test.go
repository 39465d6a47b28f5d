package verdict

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/internal/text"
)

// TestNext: what a Probe has found out about one unit does not show in what it
// finds out about the next, whichever two they are. It answers as a new one does,
// and leaves no descriptor open.
func TestNext(t *testing.T) {
	me, id := fmt.Sprint(os.Getpid()), self(t)
	runDir := t.TempDir()
	names := []string{"none", "../bad"}
	for name, files := range map[string]map[string]string{
		"healthy":  {"pid": me, "identity": id, "error": "0"},
		"error":    {"pid": me, "identity": id, "error": "3", "reason": "3 upstream db unreachable"},
		"unloaded": {},
		"unset":    {"pid": me, "identity": id},
		"stale":    {"pid": me, "identity": me + " 1 -", "error": "0"},
		"foreign":  {"pid": me, "error": "0"},
		"gone":     {"pid": "2147483647", "error": "5"},
		"bad pid":  {"pid": "5 5", "error": "x"},
		"bad code": {"pid": me, "identity": id, "error": "007"},
	} {
		names = append(names, name)
		if err := os.Mkdir(filepath.Join(runDir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, content := range files {
			path, hour := filepath.Join(runDir, name, file), time.Now().Add(-time.Hour)
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, hour, hour); err != nil {
				t.Fatal(err)
			}
		}
	}
	said := func(p *Probe) string {
		p.Run()
		p.Age = 0 // never the same twice
		return fmt.Sprintf("%s\nreason %q, %+v", lineOf(p), p.Reason(), p.Answer)
	}
	before := descriptors(t)
	for _, question := range []Probe{{}, {Verbose: true}, {Live: true}, {Live: true, Verbose: true}, {MaxAge: 1}, {Strict: true, MaxAge: 1e15}} {
		for _, first := range names {
			for _, second := range names {
				fresh, used := question, question
				fresh.RunDir, fresh.Unit = runDir, second
				used.RunDir, used.Unit = runDir, first
				said(&used)
				used.Next(second)
				if used.Answer != (Answer{}) || used.file != "" || used.held != nil || used.start != nil || used.recorded != nil || used.reason != nil {
					t.Fatalf("after %s, Next leaves %+v", first, used)
				}
				if got, want := said(&used), said(&fresh); got != want {
					t.Errorf("%+v: after %s, %s is\n%s\nbut it is\n%s", question, first, second, got, want)
				}
			}
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, and %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// TestNextAllocates nothing.
func TestNextAllocates(t *testing.T) {
	runDir := unit(t, map[string]string{"pid": fmt.Sprint(os.Getpid()), "error": "3", "reason": "3 db"})
	p, l := &Probe{RunDir: runDir, Unit: "none", Verbose: true}, new(text.Line)
	testenv.CheckAllocations(t, 2, func() {
		for _, name := range [...]string{"web", "none", "web"} {
			p.Next(name)
			p.Run()
			*l = text.Line{}
			p.AppendLine(l)
		}
	})
	if got, want := l.String(), "unhealthy: web: error 3: db"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
