//go:build linux

package examples

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// languages are the examples of applications in other languages. All three do
// the same, so one test takes each of them through its life.
var languages = []struct{ name, program, pkg, source string }{
	{"python", "python3", "python3", "worker.py"},
	{"node", "node", "nodejs", "worker.mjs"},
	{"java", "java", "openjdk-17-jdk-headless", "Worker.java"},
}

func TestLanguages(t *testing.T) {
	bin := t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, bin, testenv.LookPath(t, l.program, l.pkg), example(t, l.source))
			languageStart(a)
			languageLife(a)
			languageRestart(a)
		})
	}
}

// TestLanguagesLimit: at the limit of processes the applications cannot start
// healthctl, or it ends when the Go runtime needs a thread.
func TestLanguagesLimit(t *testing.T) {
	bin := t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	for i, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			// A user that nobody else is, since a limit counts all processes of a user; and not root,
			// who has no limit. It may read what root may.
			user := fmt.Sprint(59001 + i)
			become := []string{"setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups",
				"--inh-caps=+dac_override,+fowner", "--ambient-caps=+dac_override,+fowner"}
			err := exec.Command(become[0], append(become[1:], "true")...).Run()
			testenv.Require(t, err == nil, "cannot become another user with capabilities: %v", err)
			languageLimit(newApp(t, bin, append(become, testenv.LookPath(t, l.program, l.pkg), example(t, l.source))...), become)
		})
	}
}

func languageLimit(a *app, become []string) {
	a.write("open", "")
	a.start()
	a.awaits("^$")
	var usual unix.Rlimit
	a.must(unix.Getrlimit(unix.RLIMIT_NPROC, &usual))
	limit := func(processes uint64) { // as the application's user, who may change it without CAP_SYS_RESOURCE
		a.t.Helper()
		args := append(slices.Clone(become[1:]), "prlimit", fmt.Sprintf("--pid=%d", a.cmd.Process.Pid), fmt.Sprintf("--nproc=%d:", processes))
		if out, err := exec.Command(become[0], args...).CombinedOutput(); err != nil {
			a.t.Fatalf("%v: %s", err, out)
		}
	}
	for _, free := range []int{0, 1} {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", a.cmd.Process.Pid))
		a.must(err)
		limit(uint64(len(threads) + free))
		a.upstream.close()
		a.awaits(`^unhealthy: web: (\S+/error is empty|error 3): `) // error 3: it has ended a thread meanwhile
		limit(usual.Cur)
		a.awaits("^unhealthy: web: error 3: ")
		a.upstream.open()
		a.awaits("^$")
	}
}

// languageStart: an application that cannot load does not start.
func languageStart(a *app) {
	a.start("HEALTHCTL=" + a.path("none"))
	if status := a.wait(); status != 1 {
		a.t.Errorf("without healthctl: exit status %d", status)
	}
	a.says("^unhealthy: web: not loaded: no directory ")
}

// languageLife ends with the application killed while its loop hangs.
func languageLife(a *app) {
	a.start()
	a.awaits("^$", "-live", "-strict") // loaded, and held before its first set
	a.says("^unhealthy: web: not ready: loaded, but not set to 0 yet$")
	if got := a.read("run/web/pid"); got != strconv.Itoa(a.cmd.Process.Pid) {
		a.t.Errorf("loaded pid %s, not %d", got, a.cmd.Process.Pid)
	}
	a.write("open", "")
	a.awaits("^$", "-strict")

	// It works.
	a.write("spool/a.in", "text")
	a.await("a.out", func() bool { return a.read("spool/a.out") == fmt.Sprintf("%x", sha256.Sum256([]byte("text"))) })
	if got := a.answer(); got != "1 files\n" {
		a.t.Errorf("the port answers %q", got)
	}

	// The end of one error does not hide another.
	a.upstream.close()
	a.awaits("^unhealthy: web: error 3: upstream db unreachable$")
	a.says("^$", "-live")
	a.must(os.Mkdir(a.path("spool/b.in"), 0o755))
	a.awaits("^unhealthy: web: error 4: .+$")
	a.must(os.Remove(a.path("spool/b.in")))
	a.awaits("^unhealthy: web: error 3: ")
	a.upstream.open()
	a.awaits("^$")

	// A beat touches the file; it does not replace it.
	before, err := os.Stat(a.path("run/web/error"))
	a.must(err)
	a.backdate("run/web/error")
	a.awaits("^$", "-max-age", "1h")
	if after, err := os.Stat(a.path("run/web/error")); err != nil || !os.SameFile(before, after) {
		a.t.Errorf("after a beat error is another file, or %v", err)
	}

	// Without the file there is nothing to touch: it sets again.
	a.must(os.Remove(a.path("run/web/error")))
	a.awaits("^$")

	languageFailures(a)

	// The loop hangs: it reads from a FIFO that nobody writes to. The port still answers.
	a.awaits("^$", "-live", "-max-age", "2s")
	a.must(syscall.Mkfifo(a.path("spool/c.in"), 0o644))
	a.awaits(`^unhealthy: web: no heartbeat for \S+ \(limit 2s\)$`, "-live", "-max-age", "2s")
	a.says("^$")
	if got := a.answer(); got != "1 files\n" {
		a.t.Errorf("the port answers %q", got)
	}

	a.must(a.cmd.Process.Kill())
	a.awaits(`^unhealthy: web: pid \d+ has exited and is a zombie: `, "-live")
	a.wait()
	a.says(`^unhealthy: web: pid \d+ is not running in this pid namespace$`)
	a.must(os.Remove(a.path("spool/c.in")))
}

// languageFailures: a healthctl that fails does not end it, and what could not be
// set is set on a later turn. Meanwhile an error must not leave the old 0: if
// healthctl did not run, the application empties the file. If it ran, it has left
// what it should.
func languageFailures(a *app) {
	empty := "^unhealthy: web: " + regexp.QuoteMeta(a.path("run/web/error")) + " is empty: "
	restore := func() {
		a.t.Helper()
		a.must(os.Rename(a.path("away"), a.path("healthctl")))
		a.awaits("^unhealthy: web: error 3: ")
		a.upstream.open()
		a.awaits("^$")
	}
	replace := func(script string) {
		a.t.Helper()
		a.must(testenv.WriteProgram(a.path("new"), []byte("#!/bin/sh\n"+script+"\n")))
		a.must(os.Rename(a.path("healthctl"), a.path("away")))
		a.must(os.Rename(a.path("new"), a.path("healthctl")))
		a.upstream.close()
	}

	replace("echo 'runtime: failed to create new OS thread (have 2 already; errno=11)'; exit 2")
	a.awaits(empty)
	restore()

	replace("echo refused " + a.path("healthctl") + "; exit 1")
	languageTurns(a)
	if got := a.read("run/web/error"); got != "0" {
		a.t.Errorf("after healthctl has refused, error holds %q", got)
	}
	restore()

	a.must(os.Rename(a.path("healthctl"), a.path("away")))
	a.upstream.close()
	a.awaits(empty)
	a.backdate("run/web/error")
	a.awaits("^$", "-live", "-max-age", "1h") // the loop turns, and empties it again
	pid := a.read("run/web/pid")
	for what, change := range map[string]func() error{
		"a symbolic link":         func() error { return os.Symlink(a.path("other"), a.path("run/web/error")) },
		"a file with two links":   func() error { return os.Link(a.path("other"), a.path("run/web/error")) },
		"a unit of another owner": func() error { a.write("run/web/pid", "1\n"); a.write("run/web/error", "0\n"); return nil },
		"no file":                 func() error { return nil },
	} {
		a.write("other", "0\n")
		a.must(os.Remove(a.path("run/web/error")))
		a.must(change())
		languageTurns(a)
		_, err := os.Lstat(a.path("run/web/error"))
		if a.read("other") != "0" || (what == "no file") != os.IsNotExist(err) || err == nil && a.read("run/web/error") != "0" {
			a.t.Errorf("without healthctl it changes %s", what)
		}
		os.Remove(a.path("run/web/error"))
		a.write("run/web/pid", pid+"\n")
		a.write("run/web/error", "0\n")
		a.awaits(empty)
	}
	restore()
}

// languageTurns waits until the application has handled one more failure: its log names
// healthctl when one begins.
func languageTurns(a *app) {
	a.t.Helper()
	failures := func() int { return strings.Count(a.read("log"), a.path("healthctl")) }
	before := failures()
	a.await("two more failures in the log", func() bool { return failures() >= before+2 })
}

// languageRestart starts the application where the state of the previous run is
// left: nobody takes it for the new one's.
func languageRestart(a *app) {
	if got := a.read("run/web/error"); got != "0" {
		a.t.Fatalf("error holds %q", got)
	}
	a.must(os.Remove(a.path("open")))
	a.start()
	a.await("the load", func() bool {
		a.says(`^unhealthy: web: (pid \d+ is not running in this pid namespace|not loaded: no pid in .*|not ready: loaded, but not set to 0 yet)$`)
		return a.ask("-live") == ""
	})
	a.says("^unhealthy: web: not ready: loaded, but not set to 0 yet$")
	a.write("open", "")
	a.awaits("^$")
	a.says(fmt.Sprintf("^healthy: web: pid %d, identity verified, ", a.cmd.Process.Pid), "-v")

	a.must(a.cmd.Process.Signal(syscall.SIGTERM))
	if status := a.wait(); status != 0 {
		a.t.Errorf("after SIGTERM: exit status %d", status)
	}
	a.says("^unhealthy: web: not loaded: no pid in ")
}
