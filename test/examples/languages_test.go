//go:build linux

package examples

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

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
	if got := a.answer(); got != "1 files\n" {
		a.t.Errorf("the port answers %q", got)
	}

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
