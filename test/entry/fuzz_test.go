//go:build linux

package entry

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
)

// FuzzEntries feeds every entry the same directory, environment and arguments, and
// wants the same bytes and the same status. Arguments and variables are given
// one a line. A file whose content begins with "-" is absent, with "@" it is a
// FIFO, with ">" a symbolic link and with "/" a directory. {pid}, {start},
// {boot} and {dir} stand for what a healthy unit has there.
func FuzzEntries(f *testing.F) {
	const (
		pid      = "{pid}\n"
		identity = "{pid} {start} {boot}\n"
		web      = "-rundir\n{dir}\n-unit\nweb\n"
	)
	for _, seed := range [][6]string{
		{pid, identity, "0\n", "-", web, ""},
		{pid, identity, "0\n", "-", web + "-v", ""},
		{pid, identity, "0\n", "-", "", "LIVENESS_RUNDIR={dir}\nLIVENESS_UNIT_NAME=web"},
		{pid, identity, "3\n", "3 upstream db unreachable\n", web, ""},
		{pid, identity, "3\n", "4 of another code\n", web, ""},
		{pid, identity, "3\n", "3 \x1b[31m\xc2\x9b \xff " + strings.Repeat("é", 300), web + "-v", ""},
		{pid, identity, "-", "-", web, ""},
		{pid, identity, "-", "-", web + "-live\n-v", ""},
		{pid, identity, "0\n", "-", web + "-max-age\n60s", ""},
		{pid, identity, "0\n", "-", web + "-max-age=2h\n-v", ""},
		{pid, identity, "7\n", "-", web + "-live\n-max-age=2h", ""},
		{pid, "-", "0\n", "-", web, ""},
		{pid, "-", "0\n", "-", web + "-strict", ""},
		{"-", "-", "-", "-", web, ""},
		{"@", identity, "0\n", "-", web, ""},
		{">", identity, "0\n", "-", web, ""},
		{"/", identity, "0\n", "-", web, ""},
		{pid, "@", "0\n", "-", web, ""},
		{pid, identity, "/", "@", web, ""},
		{pid, identity, "@", "-", web + "-max-age=1s", ""},
		{"1\n", identity, "0\n", "-", web, ""},
		{pid, "{pid} 1 {boot}\n", "0\n", "-", web, ""},
		{pid, "{pid} {start} 0\n", "0\n", "-", web, ""},
		{pid, "{pid} {start} -\n", "0\n", "-", web, ""},
		{"2147483647\n", "2147483647 1 {boot}\n", "0\n", "-", web, ""},
		{"2147483648\n", "-", "0\n", "-", web, ""},
		{"+1 \x00\"\\\xff\n", "-", "0\n", "-", web, ""},
		{pid, strings.Repeat("9", 200), "0\n", "-", web, ""},
		{pid, identity, strings.Repeat(" ", 70), "-", web, ""},
		{pid, identity, "", "", web, ""},
		{"-", "-", "-", "-", "-rundir\n/nowhere\n-unit\n..", ""},
		{"-", "-", "-", "-", "-rundir\n{dir}\n-unit\na/b", ""},
		{"-", "-", "-", "-", "-h", ""},
		{"-", "-", "-", "-", "-live=maybe", ""},
		{"-", "-", "-", "-", "--\n-v", ""},
		{"-", "-", "-", "-", "-unit", ""},
		{"-", "-", "-", "-", "-unit=\n-rundir=\n-version=false", ""},
		{"-", "-", "-", "-", "--nonsense \xff\x07\x1b " + strings.Repeat("é", 200), ""},
		{"-", "-", "-", "-", "", "LIVENESS_UNIT_NAME=\xff\t" + strings.Repeat("x", 250)},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5])
	}
	all := entries(f)
	p := newPlace(f, "web")
	identityFields := strings.Fields(p.healthy[state.IdentityFile])
	fill := strings.NewReplacer("{pid}", identityFields[0], "{start}", identityFields[1], "{boot}", identityFields[2], "{dir}", p.runDir)

	f.Fuzz(func(t *testing.T, pid, identity, code, reason, args, env string) {
		p.t = t
		for name, content := range map[string]string{state.PidFile: pid, state.IdentityFile: identity, state.ErrorFile: code, state.ReasonFile: reason} {
			p.remove(name)
			p.put(name, fill.Replace(content))
		}
		s := start{args: lines(fill.Replace(args)), env: lines(fill.Replace(env))}
		if len(args)+len(env) > 1<<16 || strings.Contains(args+env, "\x00") {
			t.Skip("cannot be passed on")
		}
		first := all[0].start(t, s).withoutTimes()
		if first.signal != 0 || first.status != 0 && first.status != 1 || len(first.err) > 1000 {
			t.Errorf("got %v", first)
		}
		if strings.HasSuffix(first.out, " (direct entry)\n") {
			t.Skip("-version names the entry on purpose")
		}
		for _, e := range all[1:] {
			if e.name == "arm64" && env != "" && twice(s.env) {
				continue // the emulator drops duplicates
			}
			if r := e.start(t, s).withoutTimes(); r != first {
				t.Errorf("the entries differ\n%s: %v\n%s: %v", all[0].name, first, e.name, r)
			}
		}
	})
}

func (p *place) put(name, content string) {
	p.t.Helper()
	var err error
	switch path := p.path(name); {
	case strings.HasPrefix(content, "-"):
	case strings.HasPrefix(content, "@"):
		err = syscall.Mkfifo(path, 0o644)
	case strings.HasPrefix(content, ">"):
		err = os.Symlink(filepath.Join(p.runDir, "elsewhere"), path)
	case strings.HasPrefix(content, "/"):
		err = os.Mkdir(path, 0o755)
	default:
		p.write(name, content)
		if name == state.ErrorFile { // an hour ago: no limit of the seeds is near
			hour := time.Now().Add(-time.Hour)
			err = os.Chtimes(path, hour, hour)
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// twice reports whether a name comes twice, or is none.
func twice(env []string) bool {
	names := map[string]bool{"": true}
	for _, variable := range env {
		name, _, _ := strings.Cut(variable, "=")
		if names[name] {
			return true
		}
		names[name] = true
	}
	return false
}

var times = regexp.MustCompile(`(age |heartbeat for )-?\d+(\.\d+)?s`)

// withoutTimes drops what is different a moment later.
func (r result) withoutTimes() result {
	r.out = times.ReplaceAllString(r.out, "$1")
	r.err = times.ReplaceAllString(r.err, "$1")
	return r
}
