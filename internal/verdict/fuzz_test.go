package verdict

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// FuzzVerdict asks about random directories: no panic, one short line, no
// allocation, and healthy exactly where a slow and obvious reference says so. In the
// contents, PID, START and BOOT stand for those of this process.
func FuzzVerdict(f *testing.F) {
	id := strings.Fields(self(f))
	const missing = "\x00missing"
	f.Add("PID\n", "PID START BOOT\n", "0\n", missing, 0, false, false, 0)
	f.Add("PID", missing, "0", missing, 5, false, false, 60)
	f.Add("PID", missing, "0", missing, 500, true, false, 60)
	f.Add("PID", "PID START -", "3", "3 why\n", 0, false, true, 0)
	f.Add("PID", "PID 1 BOOT", "0", missing, 0, true, true, 0)
	f.Add("1", "PID START BOOT", "0", missing, 0, false, true, 0)
	f.Add("PID", "PID START abc", "0", missing, 0, false, false, 0)
	f.Add("self", "", "00", "x", -500, false, false, 1)
	f.Add("2147483647", missing, "", missing, 0, true, false, 0)
	place := strings.NewReplacer("PID", id[0], "START", id[1], "BOOT", id[2])
	runDir := f.TempDir()
	dir := filepath.Join(runDir, "web")
	f.Fuzz(func(t *testing.T, pid, identity, code, reason string, age int, live, strict bool, maxAge int) {
		os.RemoveAll(dir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		r := reference{files: map[string]string{}, live: live, strict: strict}
		for name, content := range map[string]string{"pid": pid, "identity": identity, "error": code, "reason": reason} {
			if content == missing {
				continue
			}
			content = place.Replace(content)
			r.files[name] = content
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		age %= 1e9
		maxAge %= 1e9
		if d := max(age, -age) - max(maxAge, 0); -3 < d && d < 3 {
			return // too close to the limit to know before
		}
		at := time.Now().Add(-time.Duration(age) * time.Second)
		os.Chtimes(filepath.Join(dir, "error"), at, at)
		r.age, r.maxAge = age, maxAge

		p := &Probe{}
		var want bool
		testenv.CheckAllocations(t, 1, func() {
			*p = Probe{RunDir: runDir, Unit: "web", Live: live, Strict: strict, MaxAge: int64(maxAge) * 1e9}
			p.Run()
		})
		if want = r.healthy(id); p.Healthy() != want {
			t.Errorf("healthy %v, the reference says %v: %q\n%+v", p.Healthy(), want, lineOf(p), r)
		}
		check(t, p)
	})
}

type reference struct {
	files        map[string]string
	live, strict bool
	age, maxAge  int // seconds
}

func (r reference) value(name string, limit int) (string, bool) {
	v, ok := r.files[name]
	return strings.Trim(v, " \t\n\v\f\r"), ok && len(v) <= limit
}

var canonical = regexp.MustCompile(`\A(0|[1-9][0-9]*)\z`)

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return n, err == nil && canonical.MatchString(s)
}

// healthy follows the rules one by one, for a pid that is this process's or
// that of no process (the fuzzer is not to hit another one's, so any other pid
// is looked up in /proc).
func (r reference) healthy(id []string) bool {
	held, _ := r.value("pid", 64)
	pid, ok := number(held)
	if !ok || pid == 0 {
		return false
	}
	if _, there := r.files["identity"]; there {
		held, ok := r.value("identity", 128)
		fields := strings.Split(held, " ")
		if !ok || len(fields) != 3 || fields[0] != id[0] || fmt.Sprint(pid) != id[0] || fields[1] != id[1] || fields[2] != id[2] && fields[2] != "-" {
			return false
		}
	} else {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if r.strict || err != nil || strings.Contains(string(stat), ") Z ") {
			return false
		}
	}
	_, set := r.files["error"]
	if r.maxAge > 0 && (!set || r.age > r.maxAge || -r.age > r.maxAge) {
		return false
	}
	held, ok = r.value("error", 64)
	code, isNumber := number(held)
	return r.live || ok && isNumber && code == 0
}
