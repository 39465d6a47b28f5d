//go:build linux

package docs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/internal/verdict"
)

// messageCase makes the programs print a line that stands under a heading of
// docs/messages.md. It is a shell script in the run directory of the unit web:
// $APP is a process to load, $RUN the run directory. needs is "root", "strace" or "".
type messageCase struct{ heading, script, needs string }

var messageCases = []messageCase{
	{"not-loaded", `mkdir web; healthprobe`, ""},
	{"not-loaded", `load; put 0; healthctl reset; healthprobe -live`, ""},
	{"no-directory", `healthprobe`, ""},
	{"no-rundir", `cd /; rmdir $RUN; healthprobe`, ""},
	{"not-set", `load; healthprobe`, ""},
	{"not-set", `load; healthprobe -live -max-age 1h`, ""},
	{"stale", `load; set -- $(cat web/identity); echo "$1 2$2 $3" >web/identity; healthprobe`, ""},
	{"other-boot", `load; set -- $(cat web/identity); echo "$1 $2 0$3" >web/identity; healthprobe`, ""},
	{"error", `load; put 3; healthprobe`, ""},
	{"error", `load; put 3 upstream db unreachable; healthprobe`, ""},
	{"gone", `sleep 600 >/dev/null 2>&1 & healthctl load -pid $!; kill $!; wait $!; healthprobe`, ""},
	{"gone", `echo 2147483647 >pid; mkdir web; mv pid web; healthprobe`, ""},
	{"zombie", `sh -c 'sleep 600 & echo $! >child.new; mv child.new child; exec sleep 600' >/dev/null 2>&1 &
		trap "kill $!" EXIT
		while [ ! -e child ]; do sleep 0.01; done
		healthctl load -pid $(cat child); kill $(cat child)
		while ! grep -q ') Z ' /proc/$(cat child)/stat; do sleep 0.01; done
		healthprobe -live`, ""},
	{"no-heartbeat", `load; put 3; touch -d '95 seconds ago' web/error; healthprobe -live -max-age 60s`, ""},
	{"not-recorded", `load; put 0; : >web/error; healthprobe`, ""},
	{"clock", `load; put 0; touch -d '1 hour' web/error; healthprobe -max-age 60s`, ""},
	{"unverifiable", `load; unshare --mount sh -c 'mount --bind /dev/null /proc/$APP/task/$APP/stat && healthprobe'`, "root"},
	{"unverifiable", `load; hidden() { unshare --mount sh -c "mount -t proc -o hidepid=$1 proc /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups healthprobe"; }
		chmod 755 $RUN/..; hidden 2`, "root"},
	{"unverifiable", `load; unshare --mount sh -c "mount -t proc -o hidepid=1 proc /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups healthprobe"`, "root"},
	{"no-identity", `load; put 0; rm web/identity; healthprobe -strict`, ""},
	{"identity-mismatch", `load; put 0; echo 1 >web/pid; healthprobe`, ""},
	{"not-a-directory", `: >web; healthprobe`, ""},
	{"not-a-directory", `mkdir x; ln -s x web; healthprobe`, ""},
	{"not-a-directory", `cd /; rmdir $RUN; : >$RUN; healthprobe`, ""},
	{"unreadable", `mkdir web; ln -s x web/pid; healthprobe`, ""},
	{"unreadable", `mkdir web; mkfifo web/pid; healthprobe`, ""},
	{"unreadable", `mkdir -p web/pid; healthprobe`, ""},
	{"unreadable", `load; chmod 600 web/pid; nobody healthprobe`, "root"},
	{"unreadable", `load; chmod 700 web; nobody healthprobe`, "root"},
	{"unreadable", `load; chmod 700 .; nobody healthprobe`, "root"},
	{"bad-unit", `healthprobe -unit ..`, ""},
	{"bad-unit", `healthprobe -unit a/b`, ""},
	{"bad-unit", `healthprobe -unit $(printf %0256d 0)`, ""},
	{"bad-unit", `unshare --uts sh -c 'printf "\n" >/proc/sys/kernel/hostname && LIVENESS_UNIT_NAME= healthprobe'`, "root"},
	{"bad-rundir", `healthprobe -rundir state`, ""},
	{"bad-rundir", `LIVENESS_RUNDIR=state healthprobe`, ""},
	{"malformed", `mkdir web; echo 5 5 >web/pid; healthprobe`, ""},
	{"malformed", `mkdir web; : >web/pid; healthprobe`, ""},
	{"malformed", `mkdir web; printf %070d 5 | tr 0 5 >web/pid; healthprobe`, ""},
	{"malformed", `load; echo x >web/identity; healthprobe`, ""},
	{"malformed", `load; echo +0 >web/error; healthprobe`, ""},

	{"Wrong usage", `healthprobe -x`, ""},
	{"Wrong usage", `healthprobe -max-age 0`, ""},
	{"Wrong usage", `healthprobe -unit ''`, ""},
	{"Wrong usage", `healthprobe $(yes -- "-unit web" | head -n 17)`, ""},
	{"Wrong usage", `healthprobe web`, ""},
	{"Wrong usage", `put x`, ""},
	{"Wrong usage", `put -x`, ""},
	{"Wrong usage", `put 0 -pid 1`, ""},
	{"Wrong usage", `healthctl load -unit a/b`, ""},
	{"Wrong usage", `healthctl exec -reason starting true`, ""},
	{"Wrong usage", `healthctl exec -no-set -set 1 true`, ""},
	{"Wrong usage", `healthctl exec -no-set -reason starting true`, ""},
	{"Wrong usage", `healthctl start`, ""},
	{"runtime: failed to create new OS thread", `prlimit --nproc=1 setpriv --reuid=59000 --regid=59000 --clear-groups healthctl set 3 2>&1 | head -n 1`, "root"},
	{"A healthy unit", `load; put 0; healthprobe -v`, ""},
	{"A healthy unit", `load; put 0; rm web/identity; healthprobe -v`, ""},
	{"CheckError", `printf '#!/bin/sh\nexit 1\n' >db; chmod +x db; PATH=$PWD:$PATH; healthctl load -pid $APP -check db`, ""},
	{"CheckError", `printf '#!/bin/sh\nkill $PPID; exec sleep 600' >db; chmod +x db; PATH=$PWD:$PATH; healthctl load -pid $APP -check db`, ""},
	{"ErrNotLoaded", `put 0`, ""},
	{"ErrNotLoaded", `mkdir web; put 0`, ""},
	{"ErrNotLoaded", `load; echo x >web/pid; put 0`, ""},
	{"ErrNotLoaded", `load; : >web/pid; put 0`, ""},
	{"ErrNotLoaded", `load; ln -sf x web/pid; put 0`, ""},
	{"ErrNotLoaded", `load; rm web/pid; mkfifo web/pid; put 0`, ""},
	{"ErrNotLoaded", `load; rm web/pid; mkdir web/pid; put 0`, ""},
	{"ErrNotLoaded", `load; printf %070d 5 >web/pid; put 0`, ""},
	{"ErrNotLoaded", `load; echo x >web/identity; put 0`, ""},
	{"ErrNotLoaded", `load; echo 1 >web/pid; put 0`, ""},
	{"ErrNotSet", `load; healthctl beat`, ""},
	{"ErrGone", `sleep 600 >/dev/null 2>&1 & healthctl load -pid $!; kill $!; wait $!; put 0`, ""},
	{"ErrGone", `load; set -- $(cat web/identity); echo "$1 2$2 $3" >web/identity; put 0`, ""},
	{"ErrGone", `healthctl load -pid 2147483647`, ""},
	{"ErrOwned", `load; healthctl load -pid $$`, ""},
	{"ErrOwned", `load; healthctl set -pid $$ 0`, ""},
	{"ErrOwned", `unshare --pid --fork healthctl exec true`, "root"},
	{"ErrLocked", `load; exec 9<>web/.lock; flock 9; load 9>&-`, ""},
	{"A set that could not be recorded", `load; put 0; put -1`, ""},
	{"A place to write", `load; put 0; ln web/error other; healthctl beat`, ""},
	{"A set that could not be recorded", `unshare --mount sh -c 'mount -t tmpfs -o size=64k none $RUN; healthctl load -pid $APP; healthctl set 0; cat /dev/zero >$RUN/full 2>/dev/null; healthctl set 3'`, "root"},
	{"A place to write", `unshare --mount sh -c 'mount -t tmpfs -o size=64k none $RUN; mkdir $RUN/web; cat /dev/zero >$RUN/full 2>/dev/null; healthctl load -pid $APP'`, "root"},
	{"ErrOwned", `load; healthctl reset -pid $$`, ""},
	{"A place to write", `cd /; rmdir $RUN; ln -s nowhere $RUN; load; rm $RUN; mkdir $RUN`, ""},
	{"A place to write", `: >web; load`, ""},
	{"A place to write", `nobody healthctl load -pid $APP`, "root"},
	{"A place to write", `unshare --mount sh -c 'mount --bind $RUN $RUN && mount -o remount,bind,ro $RUN && healthctl load -pid $APP'`, "root"},
	{"A place to write", `load; put 0; unshare --mount sh -c 'mount --bind web/error web/error && healthctl load -pid $APP'`, "root"},
	{"A place to write", `load; strace -fqqo /dev/null -e inject=flock:error=ENOLCK healthctl beat`, "strace"},
	{"A place to write", `load; strace -fqqo /dev/null -e inject=openat:error=EMFILE -P $RUN/web healthctl beat`, "strace"},
	{"A directory of several users", `mkdir -m 1777 web; load; put 0; nobody healthctl reset`, "root"},
	{"A directory of several users", `mkdir -m 777 web; load; chmod 600 web/.lock; nobody healthctl beat`, "root"},
	{"A directory of several users", `mkdir -m 777 web; load; put 0; chmod 644 web/error; nobody healthctl beat`, "root"},
	{"A directory of several users", `mkdir -m 1777 web; theirs; nobody() { setpriv --reuid=65531 --regid=65531 --clear-groups "$@"; }; nobody healthctl load -pid $THEIRS`, "root"},
	{"A directory of several users", `unshare --mount sh -c 'mount -t ramfs none $RUN; install -d -o 65532 -g 65532 web $RUN/web; setpriv --bounding-set=-chown healthctl load -pid $APP'`, "root"},
	{"healthctl exec", `healthctl exec server`, ""},
	{"healthctl exec", `env -u PATH $(command -v healthctl) exec server`, ""},
	{"healthctl exec", `as $RUN "" healthctl exec $RUN/server`, ""},
	{"healthctl exec", `: >server; as $RUN "" healthctl exec $RUN/server`, ""},
	{"healthctl exec", `echo text >server; chmod +x server; as $RUN "" healthctl exec $RUN/server`, ""},
	{"healthctl status", `unset LIVENESS_UNIT_NAME; as $(hostname) web-7f healthctl status`, ""},
	{"healthctl status", `unset LIVENESS_UNIT_NAME; as $(hostname) web-7f healthctl status -rundir $RUN`, ""},
	{"healthctl status", `unset LIVENESS_UNIT_NAME; cd /; rmdir $RUN; healthctl status -json`, ""},
	{"healthctl status", `unset LIVENESS_UNIT_NAME; chmod 711 .; nobody healthctl status`, "root"},
	{"healthctl install", `as $RUN /tools unshare --mount sh -c 'mount -t tmpfs -o noexec none $RUN && healthctl install $RUN'`, "root"},
	{"healthctl install", `mkdir lone; cp $(command -v healthctl) lone; as $RUN/lone /lib lone/healthctl install $RUN`, ""},
	{"healthctl install", `as $RUN /tools nobody healthctl install $RUN`, "root"},
	{"healthctl install", `: >file; as $RUN/file /tools healthctl install $RUN/file`, ""},
}

// messagePrelude has what the scripts share. Everything goes to standard output.
const messagePrelude = `exec 2>&1; cd $RUN
load() { healthctl load -pid $APP; }
put() { healthctl set "$@"; }
as() { "${@:3}" 2>&1 | sed "s|$1|$2|g"; } # shows one path as another
nobody() { setpriv --reuid=65532 --regid=65532 --clear-groups "$@"; }
theirs() { setpriv --reuid=65532 --regid=65532 --clear-groups sleep 60 >/dev/null 2>&1 & THEIRS=$!; trap "kill $THEIRS" EXIT; until [ "$(stat -c %u /proc/$THEIRS)" = 65532 ]; do sleep 0.01; done; }
`

// TestMessages: docs/messages.md has a heading for each cause of a verdict, in
// the order of verdict.Causes and none besides, and what the programs print
// stands under its heading, word for word, but for pids, times and directories.
func TestMessages(t *testing.T) {
	sections := messageSections(t)
	var causes []string
	for _, c := range verdict.Causes() {
		causes = append(causes, c.String())
		if !slices.ContainsFunc(messageCases, func(m messageCase) bool { return m.heading == c.String() }) {
			t.Errorf("no case for %s", c)
		}
	}
	text, _, _ := strings.Cut(docText(t, "docs/messages.md"), "\n## A healthy unit\n")
	var headings []string
	for _, m := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(text, -1) {
		headings = append(headings, m[1])
	}
	if !slices.Equal(headings, causes) {
		t.Errorf("the headings are\n%q, the causes\n%q", headings, causes)
	}

	bin := t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{bin, filepath.Dir(bin)} { // some scripts become another user
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	app := exec.Command("sleep", "600")
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { app.Process.Kill(); app.Wait() }()
	for _, c := range messageCases {
		t.Run(c.heading, func(t *testing.T) {
			switch c.needs {
			case "strace":
				testenv.LookPath(t, "strace", "strace")
			case "root":
				ok := exec.Command("unshare", "--mount", "setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "true").Run() == nil
				testenv.Require(t, ok, "cannot become another user in a mount namespace")
			}
			line := printed(t, bin, app.Process.Pid, c.script)
			var other []string
			for heading, lines := range sections {
				for _, want := range lines {
					if matches(line, want) {
						other = append(other, heading)
					}
				}
			}
			if !slices.Contains(other, c.heading) {
				t.Errorf("%s\nprints %q, which is under %q", c.script, line, other)
			}
		})
	}
}

// messageSections returns the lines that each heading of docs/messages.md shows.
func messageSections(t *testing.T) map[string][]string {
	t.Helper()
	sections, heading, inside := map[string][]string{}, "", false
	for line := range strings.Lines(docText(t, "docs/messages.md")) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```text"
		case inside:
			sections[heading] = append(sections[heading], plainMessage(strings.TrimPrefix(line, "healthctl: ")))
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimLeft(line, "# ")
		}
	}
	return sections
}

// printed returns the last line that a script prints, made plain.
func printed(t *testing.T, bin string, app int, script string) string {
	t.Helper()
	runDir := t.TempDir()
	for _, dir := range []string{runDir, filepath.Dir(runDir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "-c", messagePrelude+script)
	cmd.Env = append(docEnv(bin, runDir), "RUN="+runDir, "APP="+strconv.Itoa(app))
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	line := strings.ReplaceAll(lines[len(lines)-1], runDir, "/run")
	return plainMessage(strings.TrimPrefix(line, "healthctl: "))
}

// plainMessage replaces numbers, which are examples in the documents.
func plainMessage(s string) string {
	return regexp.MustCompile(`[0-9]+(\.[0-9]+)?`).ReplaceAllString(s, "N")
}

// matches compares a printed line with a documented one. The hints about where
// to write are the end of a longer line.
func matches(line, want string) bool {
	return line == want || !strings.HasPrefix(want, "unhealthy: ") && strings.HasSuffix(line, ": "+want)
}
