//go:build linux

package compat

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/writer"
)

// A kind of application reads load, set CODE and reset from its standard input, a line each, and
// answers each with a line: ok, or what went wrong.
type kind struct {
	name string
	argv []string
	ours bool // load removes what an earlier life left behind, and records who it was
}

const (
	byHand = `
dir=$LIVENESS_RUNDIR/$LIVENESS_UNIT_NAME
while read -r verb code; do
    case $verb in
    load) mkdir -p "$dir" && echo $$ >"$dir/pid" ;;
    set) echo "$code" >"$dir/error" ;;
    reset) rm -f "$dir/error" "$dir/pid" ;;
    esac && echo ok || echo failed
done`

	byHealthctl = `
while read -r verb code; do
    case $verb in
    load) healthctl load -pid $$ ;;
    set) healthctl set "$code" ;;
    reset) healthctl reset ;;
    esac 2>/dev/null && echo ok || echo failed
done`

	byPython = `
import liveness, sys
for line in sys.stdin:
    verb, *args = line.split()
    getattr(liveness, verb)(*args)
    print("ok", flush=True)
`
)

var kinds = []kind{
	{"bash", []string{"bash", "-c", byHand}, false},
	{"python", []string{"python3", "-c", byPython}, false},
	{"healthctl", []string{"bash", "-c", byHealthctl}, true},
	{"go", []string{os.Args[0]}, true},
}

// goApp is the same with package writer; TestMain becomes it when asked to.
func goApp() error {
	unit, err := writer.Open()
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var verb string
		var code int
		fmt.Sscan(lines.Text(), &verb, &code)
		switch verb {
		case "load":
			err = unit.Load(context.Background())
		case "set":
			err = unit.Set(code)
		case "reset":
			err = unit.Reset()
		}
		if err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("ok")
		}
	}
	return nil
}

// An app is one life of an application.
type app struct {
	t      *testing.T
	kind   kind
	cmd    *exec.Cmd
	ask    io.WriteCloser
	answer *bufio.Reader
}

func start(t *testing.T, k kind, env []string) *app {
	t.Helper()
	a := &app{t: t, kind: k, cmd: exec.Command(k.argv[0], k.argv[1:]...)}
	a.cmd.Env = append(env, "COMPAT_APP=1", "PYTHONDONTWRITEBYTECODE=1")
	a.cmd.Stderr = os.Stderr
	in, err := a.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a.ask, a.answer = in, bufio.NewReader(out)
	t.Cleanup(a.end)
	return a
}

// do has the application carry out one command and returns its answer.
func (a *app) do(command string) string {
	a.t.Helper()
	fmt.Fprintln(a.ask, command)
	answer, err := a.answer.ReadString('\n')
	if err != nil {
		a.t.Fatalf("%s, asked to %s: %v", a.kind.name, command, err)
	}
	return strings.TrimSpace(answer)
}

// end kills the application and reaps it.
func (a *app) end() {
	a.cmd.Process.Kill()
	a.cmd.Wait()
}

// A place is a state directory with the programs that look at it.
type place struct {
	t   *testing.T
	dir string
	env []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	testenv.LookPath(t, "bash", "bash")
	testenv.LookPath(t, "python3", "python3-minimal")
	scripts, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	rundir := t.TempDir()
	return &place{t, filepath.Join(rundir, "web"), append(os.Environ(), "LIVENESS_RUNDIR="+rundir, "LIVENESS_UNIT_NAME=web",
		"PYTHONPATH="+scripts, "PATH="+programs+":"+scripts+":"+os.Getenv("PATH"))}
}

// check runs a checker that the tests put on PATH and returns what it says and whether that means healthy.
func (p *place) check(argv ...string) (says string, healthy bool) {
	p.t.Helper()
	cmd := exec.Command("env", argv...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code > 1 {
		p.t.Fatalf("%v: %v\n%s", argv, err, out)
	}
	return strings.TrimSpace(string(out)), err == nil
}

// expect holds the script's and the probe's verdicts against what they should be.
func (p *place) expect(when string, script, probe bool) (scriptSays, probeSays string) {
	p.t.Helper()
	scriptSays, healthy := p.check("check.bash")
	if healthy != script {
		p.t.Errorf("%s: check.bash says healthy %v: %s", when, healthy, scriptSays)
	}
	probeSays, healthy = p.check("healthprobe")
	if healthy != probe {
		p.t.Errorf("%s: healthprobe says healthy %v: %s", when, healthy, probeSays)
	}
	return scriptSays, probeSays
}

func (p *place) write(name, content string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) read(name string) string {
	p.t.Helper()
	content, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(content)
}
