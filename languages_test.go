//go:build linux

package healthprobe_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// languages are the examples of applications in other languages. All three do
// the same, so one test takes each of them through its life.
var languages = []struct{ name, program, pkg, source string }{
	{"python", "python3", "python3", "worker.py"},
	{"node", "node", "nodejs", "worker.mjs"},
	{"java", "java", "openjdk-17-jdk-headless", "Worker.java"},
}

// patience is how long the test waits for anything.
const patience = time.Minute

func TestLanguages(t *testing.T) {
	bin := t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, bin, testenv.LookPath(t, l.program, l.pkg), filepath.Join("examples", l.source))
			docText(t, filepath.Join("examples", l.source)) // so that the test cache notices a change
			languageStart(a)
			languageLife(a)
			languageRestart(a)
		})
	}
}

// languageStart: a check that fails, or a healthctl that is not there, end the
// application before it is loaded.
func languageStart(a *app) {
	for _, variable := range []string{"SPOOL=" + a.path("none"), "HEALTHCTL=" + a.path("none")} {
		a.start(variable)
		if status := a.wait(); status != 1 {
			a.t.Errorf("with %s: exit status %d", variable, status)
		}
		a.says("^unhealthy: web: not loaded: no directory ")
	}
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
	a.answers("1 files\n")

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
	old := time.Now().Add(-2 * time.Hour)
	a.must(os.Chtimes(a.path("run/web/error"), old, old))
	a.awaits("^$", "-max-age", "1h")
	if after, err := os.Stat(a.path("run/web/error")); err != nil || !os.SameFile(before, after) {
		a.t.Errorf("after a beat error is another file, or %v", err)
	}

	// Without the file there is nothing to touch: it sets again.
	a.must(os.Remove(a.path("run/web/error")))
	a.awaits("^$")

	// A healthctl that cannot be started does not end it, and a set that failed is tried again.
	a.must(os.Rename(a.path("healthctl"), a.path("away")))
	a.upstream.close()
	a.await("the failure in the log", func() bool { return strings.Contains(a.read("log"), a.path("healthctl")) })
	a.must(os.Rename(a.path("away"), a.path("healthctl")))
	a.awaits("^unhealthy: web: error 3: ")
	a.upstream.open()
	a.awaits("^$")

	// The loop hangs: it reads from a FIFO that nobody writes to. The port still answers.
	a.awaits("^$", "-live", "-max-age", "2s")
	a.must(syscall.Mkfifo(a.path("spool/c.in"), 0o644))
	a.awaits(`^unhealthy: web: no heartbeat for \S+ \(limit 2s\)$`, "-live", "-max-age", "2s")
	a.says("^$")
	a.answers("1 files\n")

	a.must(a.cmd.Process.Kill())
	a.awaits(`^unhealthy: web: pid \d+ has exited and is a zombie: `, "-live")
	a.wait()
	a.says(`^unhealthy: web: pid \d+ is not running in this pid namespace$`)
	a.must(os.Remove(a.path("spool/c.in")))
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

// An app is an example, and what it needs: a spool directory, an upstream that
// can be closed, and a healthctl that holds each set until there is a file open.
type app struct {
	t        *testing.T
	dir      string
	argv     []string
	env      []string
	cmd      *exec.Cmd
	upstream *upstream
}

func newApp(t *testing.T, bin string, argv ...string) *app {
	a := &app{t: t, dir: t.TempDir(), argv: argv, upstream: &upstream{t: t}}
	for _, dir := range []string{"run", "spool"} {
		a.must(os.Mkdir(a.path(dir), 0o755))
	}
	a.upstream.open()
	t.Cleanup(a.upstream.close)
	a.must(os.WriteFile(a.path("healthctl"), fmt.Appendf(nil,
		"#!/bin/sh\n[ $1 != set ] || while [ ! -e %s/open ]; do sleep 0.05; done\nexec %s/healthctl \"$@\"\n", a.dir, bin), 0o755))
	a.env = append(docEnv(bin, a.path("run")), "SPOOL="+a.path("spool"), "HEALTHCTL="+a.path("healthctl"), "PORT=0",
		"MAX_AGE=2", "UPSTREAM="+a.upstream.address)
	t.Cleanup(func() {
		if a.cmd != nil && a.cmd.ProcessState == nil {
			a.cmd.Process.Kill()
			a.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("its log:\n%s", a.read("log"))
		}
	})
	return a
}

func (a *app) start(env ...string) {
	a.t.Helper()
	log, err := os.Create(a.path("log"))
	a.must(err)
	defer log.Close()
	a.cmd = exec.Command(a.argv[0], a.argv[1:]...)
	a.cmd.Env = append(a.env, env...)
	a.cmd.Stdout, a.cmd.Stderr = log, log
	a.must(a.cmd.Start())
}

// wait returns the exit status of the application; -1: it was killed. One that
// does not end is killed.
func (a *app) wait() int {
	a.t.Helper()
	timer := time.AfterFunc(patience, func() {
		a.t.Error("it does not end")
		a.cmd.Process.Kill()
	})
	defer timer.Stop()
	if err := a.cmd.Wait(); a.cmd.ProcessState == nil {
		a.t.Fatal(err)
	}
	return a.cmd.ProcessState.ExitCode()
}

// ask runs the probe and returns what it prints: nothing, if the unit is healthy
// and -v is not given.
func (a *app) ask(args ...string) (line string) {
	a.t.Helper()
	cmd := exec.Command("env", append([]string{"healthprobe"}, args...)...) // env finds it in the application's PATH
	cmd.Env = a.env
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		a.t.Fatal(err)
	}
	line = strings.TrimSuffix(string(out), "\n")
	if (err != nil) != strings.HasPrefix(line, "unhealthy: ") {
		a.t.Fatalf("healthprobe %q prints %q: %v", args, line, err)
	}
	return line
}

// says wants the probe's line to match.
func (a *app) says(pattern string, args ...string) {
	a.t.Helper()
	if line := a.ask(args...); !regexp.MustCompile(pattern).MatchString(line) {
		a.t.Fatalf("healthprobe %q says %q, not %#q", args, line, pattern)
	}
}

// awaits asks the probe until its line matches.
func (a *app) awaits(pattern string, args ...string) {
	a.t.Helper()
	line := ""
	a.await(fmt.Sprintf("healthprobe %q: %#q", args, pattern), func() bool {
		line = a.ask(args...)
		return regexp.MustCompile(pattern).MatchString(line)
	})
}

func (a *app) await(what string, done func() bool) {
	a.t.Helper()
	for until := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			a.t.Fatalf("waited in vain for %s; the probe says %q", what, a.ask())
		}
	}
}

// answers asks the application's port, which its log names.
func (a *app) answers(want string) {
	a.t.Helper()
	m := regexp.MustCompile(`listening on port (\d+)`).FindStringSubmatch(a.read("log"))
	if m == nil {
		a.t.Fatal("the log names no port")
	}
	response, err := (&http.Client{Timeout: time.Minute}).Get("http://127.0.0.1:" + m[1] + "/")
	a.must(err)
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || string(got) != want {
		a.t.Errorf("the port answers %q, %v", got, err)
	}
}

func (a *app) path(name string) string { return filepath.Join(a.dir, name) }

func (a *app) write(name, text string) {
	a.t.Helper()
	a.must(os.WriteFile(a.path(name), []byte(text), 0o644))
}

// read returns what a file holds, without white space around it: nothing, if
// there is none.
func (a *app) read(name string) string {
	content, _ := os.ReadFile(a.path(name))
	return string(bytes.TrimSpace(content))
}

func (a *app) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// An upstream accepts connections at an address that stays the same when it is
// closed and opened again.
type upstream struct {
	t        *testing.T
	address  string
	listener net.Listener
}

func (u *upstream) open() {
	u.t.Helper()
	address := u.address
	if address == "" {
		address = "127.0.0.2:0" // where nobody else takes the port meanwhile
	}
	var err error
	if u.listener, err = net.Listen("tcp", address); err != nil {
		u.t.Fatal(err)
	}
	u.address = u.listener.Addr().String()
}

func (u *upstream) close() { u.listener.Close() }
