//go:build linux

package healthprobe_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// docSession makes a script of a console block, which prints the commands too.
func docSession(b docBlock) string {
	script := "exec 2>&1\n"
	for line := range strings.Lines(b.text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			command = strings.TrimSpace(command)
			script += "printf '%s\\n' '$ " + strings.ReplaceAll(command, "'", `'\''`) + "'\n" +
				command + "\nrc=$?; [ $rc = 0 ] || echo \"[exit status $rc]\"\n"
		}
	}
	return script
}

// docConsole runs each console block in one shell, and wants the output that it
// shows. What differs from run to run does not count: see docPlain. /run stands
// for a directory of the test's.
func docConsole(t *testing.T, bin string, blocks []docBlock) {
	for _, b := range blocks {
		runDir := t.TempDir()
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(docSession(b), "/run/", runDir+"/"))
		cmd.Dir, cmd.Env = t.TempDir(), docEnv(bin, runDir)
		cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir())
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%v: %v", b, err)
			continue
		}
		got := strings.ReplaceAll(string(out), runDir, "/run")
		if docPlain(got, cmd.Process.Pid) != docPlain(b.text, 4711) {
			t.Errorf("%v says\n%s\nbut it is\n%s", b, b.text, got)
		}
	}
}

// docPlain replaces what differs from run to run: the shell's pid, times, start
// times, boot ids and the width of columns. Other numbers stay: a code of 3 is 3.
func docPlain(s string, pid int) string {
	for _, r := range []struct{ pattern, by string }{
		{`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`, "BOOT"},
		{fmt.Sprintf(`\b%d\b`, pid), "PID"},
		{`\b([0-9]+(\.[0-9]+)?(h|ms|m|µs|s))+\b`, "TIME"},
		{`\b[0-9]{3,}\b`, "NUMBER"},
		{`  +`, " "},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.by)
	}
	return s
}

// TestDocPlain: an age does not count, however long a busy machine takes, and
// what means something does.
func TestDocPlain(t *testing.T) {
	const (
		table = "CODE  AGE  MESSAGE\n3     0s   error 3: upstream db unreachable"
		line  = "healthy: web: pid 4711, identity verified, age 0.004s, error 0"
	)
	for _, age := range []string{"0s", "100ms", "9.9s", "10s", "59s", "1m0s", "12m34s", "1h0m0s", "100h0m1s"} {
		wide := "CODE  AGE" + strings.Repeat(" ", len(age)) + "MESSAGE\n3     " + age + "  error 3: upstream db unreachable"
		if got := docPlain(wide, 1); got != docPlain(table, 1) {
			t.Errorf("%s is not plain in a table: %q", age, got)
		}
	}
	for _, age := range []string{"0s", "0.001s", "0.999s", "1s", "9.999s", "75.050s", "360000s"} {
		if got := docPlain(strings.Replace(line, "0.004s", age, 1), 4711); got != docPlain(line, 4711) {
			t.Errorf("%s is not plain in a line: %q", age, got)
		}
	}
	for _, other := range [][2]string{{"error 0", "error 1"}, {"error 0", "error 10"}, {"4711", "4712"}, {"0.004s", "0.004"}, {"healthy", "unhealthy"}} {
		changed := strings.Replace(line, other[0], other[1], 1)
		if docPlain(changed, 4711) == docPlain(line, 4711) {
			t.Errorf("%q counts as %q", changed, line)
		}
	}
}
