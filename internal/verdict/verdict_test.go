package verdict

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/internal/text"
)

// unit makes a unit directory with these files.
func unit(t testing.TB, files map[string]string) (runDir string) {
	t.Helper()
	runDir = t.TempDir()
	dir := filepath.Join(runDir, "web")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return runDir
}

// self is the identity of this process, as a writer records it.
func self(t testing.TB) string {
	t.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", os.Getpid())) // not made up by qemu-user
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := state.ParseStat(line)
	return fmt.Sprintf("%d %s %s", os.Getpid(), s.Start, boot)
}

func lineOf(p *Probe) string {
	var l text.Line
	p.AppendLine(&l)
	return l.String()
}

// TestVerdicts has every rule of the verdict once, and counts the
// allocations of each. The scripts in testdata/script have the details, on the
// programs.
func TestVerdicts(t *testing.T) {
	me := fmt.Sprint(os.Getpid())
	id := self(t)
	past := strings.Replace(id, me+" ", me+" 9", 1)
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	gone := fmt.Sprint(ended.Process.Pid)
	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer zombie.Wait()
	for end := ""; !strings.Contains(end, ") Z "); {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", zombie.Process.Pid))
		end = string(b)
	}
	type files = map[string]string
	for _, c := range []struct {
		name  string
		files files
		ask   Probe
		cause Cause
		want  string // of the line
	}{
		{"healthy", files{"pid": me, "error": "0", "identity": id}, Probe{}, Healthy, ""},
		{"strict", files{"pid": me, "error": "0", "identity": id}, Probe{Strict: true}, Healthy, ""},
		{"someone else's", files{"pid": me + "\n", "error": " 0 \n\n"}, Probe{}, Healthy, ""},
		{"someone else's, strict", files{"pid": me, "error": "0"}, Probe{Strict: true}, NoIdentity, "identity not recorded: no identity in DIR, and -strict requires one"},
		{"alive", files{"pid": me, "identity": id}, Probe{Live: true}, Healthy, ""},
		{"alive with an error", files{"pid": me, "identity": id, "error": "3"}, Probe{Live: true}, Healthy, ""},
		{"beating", files{"pid": me, "identity": id, "error": "3"}, Probe{Live: true, MaxAge: 1e12}, Healthy, ""},
		{"details", files{"pid": me, "identity": id, "error": "0"}, Probe{Verbose: true}, Healthy, ""},
		{"no pid", files{}, Probe{}, NotLoaded, "not loaded: no pid in DIR"},
		{"bad pid", files{"pid": "5 5"}, Probe{}, Malformed, `DIR/pid holds "5 5": want a pid from 1 to 2147483647`},
		{"pid 0", files{"pid": "0"}, Probe{}, Malformed, `DIR/pid holds "0": want a pid from 1 to 2147483647`},
		{"empty pid", files{"pid": "\n"}, Probe{}, Malformed, `DIR/pid is empty: want a pid from 1 to 2147483647`},
		{"long pid", files{"pid": strings.Repeat("7", 65)}, Probe{}, Malformed, `DIR/pid holds more than 64 bytes: "` + strings.Repeat("7", 40) + `"...`},
		{"bad identity", files{"pid": me, "identity": "x"}, Probe{}, Malformed, `DIR/identity holds "x": want "<pid> <start time> <boot id>"`},
		{"another pid", files{"pid": me, "identity": "1 2 -"}, Probe{}, IdentityMismatch, "identity names another process than pid; if another program wrote pid, remove DIR/identity"},
		{"another boot", files{"pid": me, "identity": me + " 2 abc"}, Probe{}, OtherBoot, "stale state: pid " + me + " was recorded before the last boot"},
		{"no boot", files{"pid": me, "error": "0", "identity": strings.Join(strings.Fields(id)[:2], " ") + " -"}, Probe{}, Healthy, ""},
		{"another start", files{"pid": me, "identity": past, "error": "0"}, Probe{}, Stale,
			"stale state: pid " + me + " is another process now (start time " + strings.Fields(id)[1] + ", recorded 9" + strings.Fields(id)[1] + ")"},
		{"gone", files{"pid": gone, "error": "0"}, Probe{}, Gone, "pid " + gone + " is not running in this pid namespace"},
		{"gone, recorded", files{"pid": gone, "error": "0", "identity": gone + " 1 -"}, Probe{}, Gone, "pid " + gone + " is not running in this pid namespace"},
		{"zombie", files{"pid": fmt.Sprint(zombie.Process.Pid), "error": "0"}, Probe{Live: true}, Zombie, fmt.Sprintf("pid %d has exited and is a zombie: its parent has not reaped it", zombie.Process.Pid)},
		{"not set", files{"pid": me, "identity": id}, Probe{}, NotSet, "not ready: loaded, but not set to 0 yet"},
		{"never beat", files{"pid": me, "identity": id}, Probe{Live: true, MaxAge: 1}, NotSet, "no heartbeat: loaded, but not set yet"},
		{"bad error", files{"pid": me, "identity": id, "error": "+0\x00"}, Probe{}, Malformed, `DIR/error holds "+0\x00": want a number from 0 to 2147483647`},
		{"cleared", files{"pid": me, "identity": id, "error": ""}, Probe{}, NotRecorded, `DIR/error is empty: the last set could not be recorded`},
		{"error", files{"pid": me, "identity": id, "error": "3"}, Probe{}, Error, "error 3"},
		{"error and reason", files{"pid": me, "identity": id, "error": "3", "reason": "3 db\x1bdown"}, Probe{}, Error, "error 3: db?down"},
		{"details after the verdict", files{"pid": "x", "error": "+0"}, Probe{Verbose: true}, Malformed, `DIR/pid holds "x": want a pid from 1 to 2147483647`},
		{"alive with a bad error", files{"pid": me, "identity": id, "error": "+0"}, Probe{Live: true, Verbose: true}, Healthy, ""},
		{"error and old reason", files{"pid": me, "identity": id, "error": "3", "reason": "4 db"}, Probe{}, Error, "error 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := new(Probe)
			var l text.Line
			ask := func() {
				*p, l = c.ask, text.Line{}
				p.Run()
				p.AppendLine(&l)
			}
			c.ask.RunDir, c.ask.Unit = unit(t, c.files), "web"
			testenv.CheckAllocations(t, 2, ask)
			line := strings.ReplaceAll(lineOf(p), filepath.Join(c.ask.RunDir, "web"), "DIR")
			want := "unhealthy: web: " + c.want
			if c.cause == Healthy {
				want = line
			}
			if p.Cause() != c.cause || line != want {
				t.Errorf("got  %v: %s\nwant %v: %s", p.Cause(), line, c.cause, want)
			}
		})
	}
}

func TestHeartbeat(t *testing.T) {
	runDir := unit(t, map[string]string{"pid": fmt.Sprint(os.Getpid()), "error": "0"})
	for _, c := range []struct {
		age  time.Duration
		want string
	}{
		{30 * time.Second, ""},
		{-30 * time.Second, ""},
		{95 * time.Second, "unhealthy: web: no heartbeat for 9"},
		{-time.Hour, "unhealthy: web: no heartbeat: " + runDir + "/web/error is dated 3600s in the future (limit 60.500s): was the clock set back?"},
		{100 * 365 * 24 * time.Hour, "unhealthy: web: no heartbeat for 3153600"},
	} {
		at := time.Now().Add(-c.age)
		if err := os.Chtimes(filepath.Join(runDir, "web", "error"), at, at); err != nil {
			t.Fatal(err)
		}
		p := &Probe{RunDir: runDir, Unit: "web", MaxAge: 60.5e9}
		p.Run()
		if p.Healthy() != (c.want == "") || !strings.HasPrefix(lineOf(p), c.want) {
			t.Errorf("%v ago: %s", c.age, lineOf(p))
		}
	}

	// A lost heartbeat outranks a code.
	file := filepath.Join(runDir, "web", "error")
	at := time.Now().Add(-95 * time.Second)
	if err := errors.Join(os.WriteFile(file, []byte("3"), 0o644), os.Chtimes(file, at, at)); err != nil {
		t.Fatal(err)
	}
	p := &Probe{RunDir: runDir, Unit: "web", MaxAge: 60e9}
	if p.Run(); p.Cause() != NoHeartbeat {
		t.Errorf("an old code 3: %s", lineOf(p))
	}
}

// TestBadNames: what cannot be the name of a unit or of a run directory is refused
// before anything is opened, even where there is a unit.
func TestBadNames(t *testing.T) {
	t.Chdir(unit(t, map[string]string{"pid": fmt.Sprint(os.Getpid()), "error": "0"}))
	for _, c := range []struct {
		runDir, unit string
		cause        Cause
		want         string // of the line
	}{
		{".", "web", BadRunDir, `unhealthy: web: the run directory "." must be an absolute path`},
		{"", "web", BadRunDir, `unhealthy: web: the run directory "" must be an absolute path`},
		{"a\nb/", "web", BadRunDir, `unhealthy: web: the run directory "a b/" must be an absolute path`},
		{strings.Repeat("x", 300), "web", BadRunDir, `unhealthy: web: the run directory "` + strings.Repeat("x", 199) + `..." must be an absolute path`},
		{"/run", "web/", BadUnit, "unhealthy: web/: the unit name must not contain a slash or a NUL byte"},
		{".", "..", BadUnit, `unhealthy: ..: the unit name must not be "." or ".."`},
	} {
		p := &Probe{RunDir: c.runDir, Unit: c.unit}
		if p.Run(); p.Cause() != c.cause || lineOf(p) != c.want || p.Code != -1 || p.path[0] != 0 {
			t.Errorf("%q in %q: got  %v: %s\nwant %v: %s", c.unit, c.runDir, p.Cause(), lineOf(p), c.cause, c.want)
		}
	}
}

// TestLineLimit: however long and odd the names, a message is one line of at
// most 1,000 bytes that begins with the unit.
func TestLineLimit(t *testing.T) {
	for _, runDir := range []string{strings.Repeat("/d", 2000), "/" + strings.Repeat("\n", 250), strings.Repeat("/日本", 600), strings.Repeat("/x", 4000)} {
		for _, name := range []string{strings.Repeat("\n", 255), strings.Repeat("ü", 127), strings.Repeat("\xff", 255), "web", strings.Repeat("y", 10000)} {
			p := &Probe{RunDir: runDir, Unit: name}
			p.Run()
			check(t, p)
		}
	}
}

func check(t *testing.T, p *Probe) {
	t.Helper()
	line := lineOf(p)
	if len(line) >= text.LineLimit || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }) {
		t.Errorf("%d bytes: %q", len(line), line)
	}
	if p.Healthy() != strings.HasPrefix(line, "healthy: ") || !p.Healthy() && !strings.HasPrefix(line, "unhealthy: ") {
		t.Errorf("%v: %q", p.Cause(), line)
	}
}

// TestCauses: every cause has a name of its own, which is an anchor in
// docs/messages.md, and words of its own.
func TestCauses(t *testing.T) {
	names, texts := map[string]bool{}, map[string]bool{}
	for _, c := range Causes() {
		if name := c.String(); names[name] || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("cause %d has the name %q", c, name)
		}
		names[c.String()] = true
		var l text.Line
		(&Probe{RunDir: "/run", Unit: "web/", Answer: Answer{cause: c}}).AppendMessage(&l)
		if texts[l.String()] || l.String() == "" {
			t.Errorf("cause %v has the message %q", c, l.String())
		}
		texts[l.String()] = true
	}
	if len(names) != int(causes)-1 || causes.String() != "unknown" || Cause(255).String() != "unknown" {
		t.Errorf("%d causes of %d, and %v", len(names), causes-1, Cause(255))
	}
}
