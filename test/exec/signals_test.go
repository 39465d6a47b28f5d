//go:build linux

package exec

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// What docs/limitations.md and exec -h say of a healthctl without the start symbol.
const (
	staysIgnored = "HUP, INT, CONT, TSTP, TTIN, TTOU and 34"
	isUnblocked  = "HUP, INT, QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, TERM, STKFLT, CHLD, URG, PROF, SYS and 34"
)

// TestSignalsWithoutStart checks which signals stay as they were without the start
// symbol, and that the documentation says so.
func TestSignalsWithoutStart(t *testing.T) {
	testenv.LookPath(t, "env", "coreutils")
	dir := newDir(t)
	sets := func(command ...string) (ignored, blocked uint64) {
		t.Helper()
		r, err := run(t, dir, append(append([]string{"env", "--ignore-signal", "--block-signal"}, command...), observe(t), "report"))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range r["status"] {
			fmt.Sscanf(line, "SigIgn: %x", &ignored)
			fmt.Sscanf(line, "SigBlk: %x", &blocked)
		}
		return ignored, blocked
	}
	allIgnored, allBlocked := sets()
	ignored, blocked := sets(healthctl(t, "plain"), "exec")
	if want := allIgnored & mask(t, staysIgnored); ignored != want || want == allIgnored {
		t.Errorf("of the ignored signals %#x, %#x stay ignored, want %#x", allIgnored, ignored, want)
	}
	if want := allBlocked &^ mask(t, isUnblocked); blocked != want || want == allBlocked {
		t.Errorf("of the blocked signals %#x, %#x stay blocked, want %#x", allBlocked, blocked, want)
	}
	help := func(build string) string {
		out, err := exec.Command(healthctl(t, build), "exec", "-h").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	page, err := os.ReadFile("../../docs/limitations.md")
	if err != nil {
		t.Fatal(err)
	}
	mentions := func(what, text, list string, want bool) {
		if got := strings.Contains(strings.Join(strings.Fields(text), " "), list); got != want {
			t.Errorf("%s lists %q: %v, want %v", what, list, got, want)
		}
	}
	mentions("docs/limitations.md", string(page), staysIgnored, true)
	mentions("docs/limitations.md", string(page), isUnblocked, true)
	mentions("exec -h", help("plain"), staysIgnored, true)
	mentions("exec -h of a release", help("release"), staysIgnored, !hasStart)
}

// mask returns the set of the signals in a list.
func mask(t *testing.T, list string) (set uint64) {
	t.Helper()
	for _, name := range strings.FieldsFunc(strings.Replace(list, " and ", ", ", 1), func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(name)
		if err != nil {
			n = int(unix.SignalNum("SIG" + name))
		}
		if n == 0 {
			t.Fatalf("there is no signal %s", name)
		}
		set |= 1 << (n - 1)
	}
	return set
}

// TestIgnoredDuringCheck: a signal that healthctl got ignored does not end a check. Of TERM
// and QUIT only the start symbol knows.
func TestIgnoredDuringCheck(t *testing.T) {
	testenv.LookPath(t, "env", "coreutils")
	dir := newDir(t)
	check := filepath.Join(dir, "check")
	if err := testenv.WriteProgram(check, []byte("#!/bin/sh\nfor s in HUP INT QUIT TERM; do kill -$s $PPID; done\n")); err != nil {
		t.Fatal(err)
	}
	status := func(build, ignored string) int {
		t.Helper()
		cmd := exec.Command("env", "--default-signal", "--ignore-signal="+ignored, healthctl(t, build), "exec", "-check", check, "--", "sh", "-c", "exit 7")
		cmd.Env = environment(dir)
		out, err := cmd.CombinedOutput()
		t.Logf("%s: %v\n%s", build, err, out)
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return exit.ExitCode()
	}
	want := 7
	if !hasStart {
		want = 128 + int(unix.SIGQUIT)
	}
	if got := status("release", "HUP,INT,QUIT,TERM"); got != want {
		t.Errorf("the release: exit status %d, want %d", got, want)
	}
	if got := status("release", "INT,QUIT,TERM"); got != 128+int(unix.SIGHUP) {
		t.Errorf("HUP is not ignored: exit status %d, want %d", got, 128+int(unix.SIGHUP))
	}
	if got := status("plain", "HUP,INT,QUIT,TERM"); got != 128+int(unix.SIGQUIT) {
		t.Errorf("without the start symbol: exit status %d, want that of QUIT", got)
	}
}
