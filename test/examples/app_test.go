//go:build linux

package examples

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// patience is how long the test waits for anything.
const patience = 2 * time.Minute

// example returns the path of a file in the directory examples. It reads the file,
// so that the test cache notices a change.
func example(t *testing.T, name string) (path string) {
	t.Helper()
	path = filepath.Join("../../examples", name)
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// An app is an example, and what it needs: a spool directory, an upstream that
// can be closed, and a healthctl that holds each set until there is a file open, and wants
// a reason, which may be any text, to be behind "--".
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
		"#!/bin/sh\ncase \"$*\" in [!s]* | *' -- '* | *' 0') ;; *) exit 2 ;; esac\n[ $1 != set ] || while [ ! -e %s/open ]; do sleep 0.05; done\nexec %s/healthctl \"$@\"\n", a.dir, bin), 0o755))
	a.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LIVENESS_RUNDIR="+a.path("run"), "LIVENESS_UNIT_NAME=web",
		"SPOOL="+a.path("spool"), "HEALTHCTL="+a.path("healthctl"), "PORT=0", "MAX_AGE=2", "UPSTREAM="+a.upstream.address,
		"JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC") // start sooner
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

// answer asks the application's port, which its log names.
func (a *app) answer() string {
	a.t.Helper()
	m := regexp.MustCompile(`listening on port (\d+)`).FindStringSubmatch(a.read("log"))
	if m == nil {
		a.t.Fatal("the log names no port")
	}
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+m[1], patience)
	a.must(err)
	defer conn.Close()
	a.must(conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	a.must(err)
	answer, err := io.ReadAll(conn)
	a.must(err)
	_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	return body
}

// backdate makes a heartbeat two hours old.
func (a *app) backdate(name string) {
	a.t.Helper()
	old := time.Now().Add(-2 * time.Hour)
	a.must(os.Chtimes(a.path(name), old, old))
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
