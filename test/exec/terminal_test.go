//go:build linux

package exec

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestTerminal goes through job control with an interactive shell on a terminal: ^C, ^Z, fg
// and bg do to COMMAND what they would do without healthctl run.
func TestTerminal(t *testing.T) {
	testenv.LookPath(t, "script", "bsdutils")
	testenv.LookPath(t, "bash", "bash")
	ctl := healthctl(t, "release")
	for name, prefix := range map[string]string{"without": "", "with": ctl + " run -- "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShell(t)
			s.types(`stty -echo; PS1=; bind 'set enable-bracketed-paste off' 2>/dev/null; echo rea""dy` + "\n")
			s.sees("ready")

			// ^C, which COMMAND gets once
			s.types(prefix + `sh -c 'trap "echo interrupted" INT; echo began; read line || read line; echo read $line; exit 5'` + "\n")
			s.sees("began")
			s.types("\x03")
			s.sees("interrupted")
			s.types("one\n")
			s.sees("read one")
			s.types("echo status $?\n")
			s.sees("status 5")
			if n := strings.Count(s.seen(), "interrupted"); n != 1 {
				t.Errorf("^C came %d times", n)
			}

			// ^Z and fg
			s.types(prefix + `sh -c 'echo starts; read line; echo has $line'` + "\n")
			s.sees("starts")
			s.types("\x1a")
			s.sees("Stopped")
			s.types("fg\n")
			s.sees(prefix + "sh -c")
			s.types("two\n")
			s.sees("has two")

			// in the background, where it may not read, and then in the foreground
			s.types(prefix + `sh -c 'echo goes; read line; echo knows $line' &` + "\n")
			s.sees("goes")
			s.types(`until jobs | grep -q Stop""ped; do sleep 0.1; done; jobs` + "\n")
			s.sees("Stopped")
			s.types("fg\n")
			s.sees(prefix + "sh -c")
			s.types("three\n")
			s.sees("knows three")

			// ^Z, bg, and the end of COMMAND, which starts no other program: a child that is stopped
			// between vfork(2) and execve(2) would keep it from stopping
			s.types("mkfifo gate\n" + prefix + `sh -c 'echo runs; read go <gate; echo ends'` + "\n")
			s.sees("runs")
			s.types("\x1a")
			s.sees("Stopped")
			s.types("bg\n")
			s.sees("&")
			s.types("echo >gate; wait; echo wa\"\"ited\n")
			s.sees("ends")
			s.sees("waited")

			// the shell has its terminal again
			s.types("read line; echo shell $line\n")
			s.types("four\n")
			s.sees("shell four")
			s.types("exit\n")
		})
	}
}

// shell is an interactive shell on a terminal of its own.
type shell struct {
	t     *testing.T
	stdin io.Writer
	mu    sync.Mutex
	out   bytes.Buffer
	from  int // where the next expectation begins
}

func newShell(t *testing.T) *shell {
	t.Helper()
	dir := newDir(t)
	cmd := exec.Command("script", "-qfc", "bash --norc --noprofile -i", "/dev/null")
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "LIVENESS_RUNDIR="+filepath.Join(dir, "run"), "LIVENESS_UNIT_NAME=web", "TERM=dumb", "LC_ALL=C")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, stdin: stdin}
	cmd.Stdout, cmd.Stderr = s, s
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer timer.Stop()
		cmd.Wait()
	})
	return s
}

// Write takes what appears on the terminal.
func (s *shell) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

func (s *shell) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func (s *shell) types(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.stdin, text); err != nil {
		s.t.Fatal(err)
	}
}

// sees waits until text appears, after all that was waited for before. White space does
// not count.
func (s *shell) sees(text string) {
	s.t.Helper()
	squeeze := func(text string) string { return strings.Join(strings.Fields(text), "") }
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		all := squeeze(s.seen())
		if i := strings.Index(all[min(s.from, len(all)):], squeeze(text)); i >= 0 {
			s.from += i + len(squeeze(text))
			return
		}
		if time.Now().After(until) {
			s.t.Fatalf("%q does not appear:\n%s", text, s.seen())
		}
	}
}
