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

// FuzzEntries runs all entries on the same directory, environment and arguments,
// and checks that they return the same status and print the same bytes.
//
// Arguments and variables are given one a line. A file whose content begins with
// "-" is absent, with "@" it is a FIFO, with ">" a symbolic link and with "/" a
// directory. {pid}, {start}, {boot} and {dir} stand for the values of a healthy
// unit.
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
		{pid, identity, "@", "-", web + "-max-age=2h", ""},
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
		{pid, identity, "0\n", "-", web + "-unit\nweb", ""},
		{pid, identity, "3\n", "3 why\n", web + "-unit=none\n-unit=..\n-v\n-unit=web\n-live", ""},
		{pid, identity, "0\n", "-", web + "-unit\nnone\n-unit\nweb\n-v\n-max-age=2h", ""},
		{pid, "-", "x\n", "-", "-rundir\n{dir}\n-v" + strings.Repeat("\n-unit="+strings.Repeat("\x1b", 255), 15) + "\n-unit=web", ""},
		{pid, identity, "0\n", "-", web + strings.Repeat("-unit\nweb\n", 15), ""},
		{pid, identity, "0\n", "-", web + strings.Repeat("-unit\nweb\n", 16), ""},
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
	unit := newFixture(f, "web")
	identityFields := strings.Fields(unit.healthy[state.IdentityFile])
	fill := strings.NewReplacer("{pid}", identityFields[0], "{start}", identityFields[1], "{boot}", identityFields[2], "{dir}", unit.runDir)

	f.Fuzz(func(t *testing.T, pid, identity, code, reason, args, env string) {
		unit.t = t
		for name, content := range map[string]string{state.PidFile: pid, state.IdentityFile: identity, state.ErrorFile: code, state.ReasonFile: reason} {
			unit.remove(name)
			unit.create(name, fill.Replace(content))
		}
		how := invocation{args: lines(fill.Replace(args)), env: lines(fill.Replace(env))}
		if len(args)+len(env) > 1<<16 || strings.Contains(args+env, "\x00") {
			t.Skip("execve(2) cannot pass it on")
		}
		first := all[0].run(t, how).withoutTimes()
		if first.signal != 0 || first.status != 0 && first.status != 1 {
			t.Errorf("got %v", first)
		}
		for line := range strings.Lines(first.err) {
			if len(line) > 1000 {
				t.Errorf("a line of %d bytes: %v", len(line), first)
			}
		}
		if strings.HasSuffix(first.out, " (direct entry)\n") {
			t.Skip("-version names the entry on purpose")
		}
		for _, e := range all[1:] {
			if e.emulated && env != "" && hasDuplicates(how.env) {
				continue // the emulator drops duplicates
			}
			if r := e.run(t, how).withoutTimes(); r != first {
				t.Errorf("the entries differ\n%s: %v\n%s: %v", all[0].name, first, e.name, r)
			}
		}
	})
}

// create makes the file that content describes; see FuzzEntries.
func (f *fixture) create(name, content string) {
	f.t.Helper()
	var err error
	switch path := f.path(name); {
	case strings.HasPrefix(content, "-"):
	case strings.HasPrefix(content, "@"):
		err = syscall.Mkfifo(path, 0o644)
	case strings.HasPrefix(content, ">"):
		err = os.Symlink(filepath.Join(f.runDir, "elsewhere"), path)
	case strings.HasPrefix(content, "/"):
		err = os.Mkdir(path, 0o755)
	default:
		f.write(name, content)
	}
	if err == nil && name == state.ErrorFile && !strings.HasPrefix(content, "-") && !strings.HasPrefix(content, ">") {
		hour := time.Now().Add(-time.Hour) // far from every -max-age of the seeds
		err = os.Chtimes(f.path(name), hour, hour)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// lines splits a text that has one argument or variable a line.
func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// hasDuplicates reports whether a variable occurs twice or has an empty name.
func hasDuplicates(env []string) bool {
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

var timesForm = regexp.MustCompile(`(age |heartbeat for )-?\d+(\.\d+)?s`)

// withoutTimes removes the times, which differ from one run to the next.
func (r result) withoutTimes() result {
	r.out = timesForm.ReplaceAllString(r.out, "$1")
	r.err = timesForm.ReplaceAllString(r.err, "$1")
	return r
}
