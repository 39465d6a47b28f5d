//go:build servers && linux

package servers

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// TestWatchdog: without a check, it is the server's heartbeats that notice that it hangs.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	s := server{
		packages: "php8.2-fpm libfcgi-bin",
		programs: []string{"php-fpm8.2", "cgi-fcgi"},
		config:   map[string]string{"fpm.conf": fpmConfig},
		command:  fpmCommand,
		ready:    []string{"notify"},
	}
	a := s.newApp(t)
	a.flags = append(a.flags, "-watchdog", "4s") // of up to 2 s, PHP-FPM takes no notice
	a.start()
	a.awaits(healthy)
	a.awaitHeartbeats(3)
	a.awaits(healthy, "-live", "-max-age", "3s")
	a.signalAll(unix.SIGSTOP)
	a.awaits("^unhealthy: web: no heartbeat", "-live", "-max-age", "3s")
	a.awaits("error 1: watchdog: no heartbeat for 4s$")
	if status := a.wait(); status != 137 { // a process that is stopped has no use for SIGABRT
		t.Errorf("exit status %d, not that of SIGKILL", status)
	}
	a.logged("no heartbeat for 4s: ending COMMAND by SIGABRT, and in 10s by SIGKILL")
}

// TestReadyFromChild: COMMAND is a shell, and the server its child.
func TestReadyFromChild(t *testing.T) {
	t.Parallel()
	s := redis
	s.ready = []string{"notify"}
	s.command = []string{"sh", "-c", strings.Join(redis.command[:7], " ") + " --supervised systemd; true"}
	a := s.newApp(t)
	answers := func() bool { _, err := s.ask(a); return err == nil && a.said.last("READY=1") < 0 }

	a.start()
	a.await("an answer", answers)
	a.await("a line in the log", func() bool { return strings.Contains(a.log(), "ignoring notifications") })
	a.says("^unhealthy: web: not ready: loaded, but not set to 0 yet")
	a.logged("they count only from COMMAND, pid " + strconv.Itoa(a.pid) + " (-notify-all changes that)")
	a.endGroup(143)

	a.flags = append(a.flags, "-notify-all")
	a.start()
	a.awaits(healthy)
	if a.said.last("READY=1") < 0 {
		t.Error("it is ready before READY=1")
	}
	a.endGroup(143)
}

// endGroup tells run to stop, and kills what COMMAND leaves behind.
func (a *app) endGroup(want int) {
	a.t.Helper()
	if status := a.stop(); status != want {
		a.t.Errorf("exit status %d, not %d", status, want)
	}
	if !strings.Contains(a.log(), leftBehind) {
		a.t.Errorf("the log has no %q", leftBehind)
	}
	a.signalAll(unix.SIGKILL)
	a.await("the end of the process group", func() bool { return unix.Kill(-a.pid, 0) == unix.ESRCH })
}

const leftBehind = "COMMAND has ended, and left processes behind: if they are the application, run it in the foreground"

// TestBackground: a server that forks into the background ends run.
func TestBackground(t *testing.T) {
	t.Parallel()
	s := server{
		packages: "nginx-light",
		programs: []string{"nginx"},
		config:   map[string]string{"nginx.conf": nginxConfig},
		command:  nginxCommand,
		ready:    []string{"listen:{port}"},
		ask:      askHTTP,
	}
	a := s.newApp(t)
	t.Cleanup(func() {
		content, _ := os.ReadFile(a.path("nginx.pid"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(content))); err == nil {
			unix.Kill(-pid, unix.SIGKILL)
		}
	})
	a.start()
	status := a.wait()
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	a.logged(leftBehind)
	if answer, err := s.ask(a); err != nil || answer != a.text {
		t.Errorf("in the background it answers %q, %v", answer, err)
	}
}

// TestWaitsForChildren: a program that waits for all its children at its end has none but its own.
func TestWaitsForChildren(t *testing.T) {
	t.Parallel()
	testenv.LookPath(t, "python3", "python3")
	a := newApp(t, []string{"-ready", "notify", "-ready", "/bin/true", "-ready-every", "10ms"}, []string{"python3", "app.py"})
	a.write("app.py", `
import os, signal, socket, time

def stop(*_):
    os.kill(worker, signal.SIGKILL)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            os._exit(7)

worker = os.fork()
if worker == 0:
    time.sleep(1000)
signal.signal(signal.SIGTERM, stop)
time.sleep(1)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
time.sleep(1000)
`)
	a.start()
	a.awaits(healthy)
	if a.said.last("READY=1") < 0 {
		t.Error("it is ready before READY=1")
	}
	a.awaitHeartbeats(3)
	if status := a.stop(); status != 7 {
		t.Errorf("exit status %d, not 7", status)
	}
}
