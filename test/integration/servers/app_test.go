//go:build servers && linux

package servers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

const (
	uid      = 65532           // of servers and programs
	patience = 2 * time.Minute // how long a test waits for anything
)

// bin contains the built programs.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "healthprobe-servers-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		err = testenv.Build(dir, testenv.Options{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	return m.Run()
}

// app is a COMMAND and the healthctl run that it is under.
type app struct {
	t     *testing.T
	dir   string // its files, and the run directory
	port  int    // a free one
	text  string // what a server is configured to answer
	flags []string
	argv  []string
	run   *exec.Cmd
	pid   int // COMMAND's
	said  messages
}

// newApp returns an app that is not started. In flags and argv, and in files that it
// writes, {dir}, {port} and {text} stand for its own.
func newApp(t *testing.T, flags, argv []string) *app {
	testenv.Require(t, os.Getuid() == 0, "needs root, to become uid %d", uid)
	dir, err := os.MkdirTemp(bin, "")
	a := &app{t: t, dir: dir, port: freePort(t), text: "one", flags: flags, argv: argv}
	a.must(err)
	t.Cleanup(func() {
		a.kill()
		if t.Failed() {
			t.Logf("its log:\n%s\nit notified %q", a.log(), a.said.list())
		}
		os.RemoveAll(dir)
	})
	a.must(os.Mkdir(a.path("run"), 0o755))
	a.must(errors.Join(os.Chown(dir, uid, uid), os.Chown(a.path("run"), uid, uid), os.Chmod(dir, 0o755)))
	a.said.listen(t, a.path("outer"))
	return a
}

// lastPort is below those that the kernel gives to clients.
var lastPort atomic.Int32

func freePort(t *testing.T) int {
	for range 1000 {
		port := 20000 + int(lastPort.Add(1))
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func (a *app) path(name string) string { return filepath.Join(a.dir, name) }

func (a *app) expand(s string) string {
	return strings.NewReplacer("{dir}", a.dir, "{port}", strconv.Itoa(a.port), "{text}", a.text).Replace(s)
}

func (a *app) write(name, content string) {
	a.t.Helper()
	a.must(os.WriteFile(a.path(name), []byte(a.expand(content)), 0o644))
}

// as returns a command of a user, below the app's directory, with its unit in the environment.
func (a *app) as(uid uint32, argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "HOME="+a.dir, "LIVENESS_RUNDIR="+a.path("run"), "LIVENESS_UNIT_NAME=web")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}

// output runs a command as the app's user and returns what it prints.
func (a *app) output(argv ...string) string {
	a.t.Helper()
	out, err := a.as(uid, argv...).CombinedOutput()
	if err != nil {
		a.t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return strings.TrimSpace(string(out))
}

// start starts run, in a session of its own: where it has a terminal, it stops when
// COMMAND does, as a shell's job.
func (a *app) start() {
	a.t.Helper()
	log, err := os.OpenFile(a.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	a.must(err)
	defer log.Close()
	a.must(log.Chown(uid, uid)) // PHP-FPM opens /dev/stderr
	argv := slices.Concat([]string{bin + "/healthctl", "run"}, a.flags, []string{"--"}, a.argv)
	for i := range argv {
		argv[i] = a.expand(argv[i])
	}
	a.run = a.as(uid, argv...)
	a.run.Env = append(a.run.Env, "NOTIFY_SOCKET="+a.path("outer"))
	a.run.SysProcAttr.Setsid = true
	a.run.Stdout, a.run.Stderr = log, log
	a.must(a.run.Start())
	last := a.pid
	a.await("COMMAND's pid", func() bool {
		content, _ := os.ReadFile(a.path("run/web/pid"))
		pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
		if err == nil && pid != last {
			a.pid = pid
		}
		return a.pid != last || a.ended()
	})
}

// ended reports whether run has ended. It remains to be waited for.
func (a *app) ended() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, a.run.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// stop ends run by TERM.
func (a *app) stop() (status int) {
	a.t.Helper()
	a.must(a.run.Process.Signal(unix.SIGTERM))
	return a.wait()
}

// wait returns run's exit status, and wants nothing left of the unit.
func (a *app) wait() (status int) {
	a.t.Helper()
	a.await("the end of run", a.ended)
	a.run.Wait()
	status = a.run.ProcessState.ExitCode()
	a.run = nil
	a.says(`^unhealthy: web: not loaded`)
	for _, file := range []string{"notify", "pid", "error"} {
		if _, err := os.Lstat(a.path("run/web/" + file)); !errors.Is(err, os.ErrNotExist) {
			a.t.Errorf("after the end there is the file %s: %v", file, err)
		}
	}
	return status
}

// kill kills run and COMMAND's process group.
func (a *app) kill() {
	if a.run != nil {
		a.run.Process.Kill()
		a.run.Wait()
		a.run = nil
	}
	if a.pid > 0 {
		unix.Kill(-a.pid, unix.SIGKILL)
	}
}

// signalAll sends a signal to all of COMMAND.
func (a *app) signalAll(sig unix.Signal) {
	a.t.Helper()
	a.must(unix.Kill(-a.pid, sig))
}

// probe runs the probe and returns its line.
func (a *app) probe(args ...string) string {
	out, err := a.as(uid, append([]string{bin + "/healthprobe", "-v"}, args...)...).CombinedOutput()
	line := strings.TrimSuffix(string(out), "\n")
	if (err == nil) == strings.HasPrefix(line, "unhealthy: ") {
		a.t.Errorf("healthprobe %q prints %q: %v", args, line, err)
	}
	return line
}

const healthy = "^healthy"

func isReady(line string) bool { return strings.HasPrefix(line, "healthy") }

// says wants the probe's line to match.
func (a *app) says(pattern string, args ...string) {
	a.t.Helper()
	if line := a.probe(args...); !regexp.MustCompile(pattern).MatchString(line) {
		a.t.Fatalf("healthprobe %q says %q, not %#q", args, line, pattern)
	}
}

// awaits asks the probe until its line matches.
func (a *app) awaits(pattern string, args ...string) {
	a.t.Helper()
	a.await(fmt.Sprintf("healthprobe %q: %#q", args, pattern), func() bool {
		if a.run != nil && a.ended() {
			a.t.Fatalf("run has ended, before healthprobe %q has said %#q", args, pattern)
		}
		return regexp.MustCompile(pattern).MatchString(a.probe(args...))
	})
}

func (a *app) await(what string, done func() bool) {
	a.t.Helper()
	for until := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			a.t.Fatalf("waited in vain for %s; the probe says %q", what, a.probe())
		}
	}
}

// awaitHeartbeats waits until the heartbeat was renewed n times.
func (a *app) awaitHeartbeats(n int) {
	a.t.Helper()
	last := time.Time{}
	a.await("heartbeats", func() bool {
		if info, err := os.Stat(a.path("run/web/error")); err == nil && !info.ModTime().Equal(last) {
			last = info.ModTime()
			n--
		}
		return n < 0
	})
}

func (a *app) log() string {
	content, _ := os.ReadFile(a.path("log"))
	return string(content)
}

// logged wants run, or COMMAND, to have printed a line once.
func (a *app) logged(line string) {
	a.t.Helper()
	if n := strings.Count(a.log(), a.expand(line)); n != 1 {
		a.t.Errorf("the log has %d times %q", n, a.expand(line))
	}
}

func (a *app) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// messages are what COMMAND says by sd_notify(3), as run passes it on.
type messages struct {
	path    string
	marking sync.Mutex // held by whoever waits for its mark
	marked  chan struct{}
	mu      sync.Mutex
	all     []string
}

// mark is a message of the test itself: all that was sent before has arrived when it does.
const mark = "the test's own"

func (m *messages) listen(t *testing.T, path string) {
	t.Helper()
	conn, err := net.ListenPacket("unixgram", path)
	if err == nil {
		err = os.Chmod(path, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m.path, m.marked = path, make(chan struct{})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if string(buf[:n]) == mark {
				m.marked <- struct{}{}
				continue
			}
			m.mu.Lock()
			m.all = append(m.all, string(buf[:n]))
			m.mu.Unlock()
		}
	}()
}

// list returns all that was sent before: it waits for a message that it sends itself.
func (m *messages) list() []string {
	m.marking.Lock()
	defer m.marking.Unlock()
	if conn, err := net.Dial("unixgram", m.path); err == nil {
		if _, err := conn.Write([]byte(mark)); err == nil {
			<-m.marked
		}
		conn.Close()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all)
}

// last returns the number of the last message that has the line; -1: there is none.
func (m *messages) last(line string) (at int) {
	at = -1
	for i, message := range m.list() {
		if slices.Contains(strings.Split(message, "\n"), line) {
			at = i
		}
	}
	return at
}
