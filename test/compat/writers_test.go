//go:build linux

package compat

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/writer"
)

// A writerKind is an application that keeps its state in one of five ways. It
// reads commands (load, set CODE, reset) from its standard input, a line each,
// and answers each with a line: ok, or what went wrong.
type writerKind struct {
	name string
	argv []string
	ours bool // load removes what a previous run left behind, and records the identity
}

const (
	bashByHand = `
dir=$LIVENESS_RUNDIR/${LIVENESS_UNIT_NAME:-$HOSTNAME}
while read -r verb code; do
    case $verb in
    load) mkdir -p "$dir" && echo $$ >"$dir/pid" ;;
    set) echo "$code" >"$dir/error" ;;
    reset) rm -f "$dir/error" "$dir/pid" ;;
    esac && echo ok || echo failed
done`

	bashWithHealthctl = `
while read -r verb code; do
    case $verb in
    load) healthctl load -pid $$ ;;
    set) healthctl set "$code" ;;
    reset) healthctl reset ;;
    esac 2>/dev/null && echo ok || echo failed
done`

	// The arguments are a module and the keyword arguments of all its functions.
	// After fork, a prefork server in small, the child answers and its parent waits.
	pythonWithModule = `
import importlib, os, signal, sys
liveness = importlib.import_module(sys.argv[1])
keywords = {name: os.environ[variable] for name, variable in (arg.split("=") for arg in sys.argv[2:])}
for line in sys.stdin:
    verb, *args = line.split()
    if verb == "fork":
        child = os.fork()
        if child:
            os.close(1)  # so that the test notices if the child ends unasked
            os.waitpid(child, 0)
            signal.pause()
        print(os.getpid(), flush=True)
    else:
        getattr(liveness, verb)(*args, **keywords)
        print("ok", flush=True)
`
)

var (
	byHand            = writerKind{"bash", []string{"bash", "-c", bashByHand}, false}
	byIdealisedModule = writerKind{"idealised module", []string{"python3", "-c", pythonWithModule, "liveness"}, false}
	byOriginalModule  = writerKind{"original module", []string{"python3", "-c", pythonWithModule, "original_liveness", "rundir=LIVENESS_RUNDIR"}, false}
	byHealthctl       = writerKind{"healthctl", []string{"bash", "-c", bashWithHealthctl}, true}
	byPackage         = writerKind{"package writer", []string{os.Args[0]}, true}

	writers = []writerKind{byHand, byIdealisedModule, byOriginalModule, byHealthctl, byPackage}
)

// goApp is the application with package writer; TestMain becomes it when asked to.
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

// An app is a running application.
type app struct {
	t       *testing.T
	name    string
	cmd     *exec.Cmd
	pid     int
	request io.WriteCloser
	answer  *bufio.Reader
}

func (f *fixture) start(w writerKind) *app {
	f.t.Helper()
	cmd := exec.Command(w.argv[0], w.argv[1:]...)
	cmd.Env = append(f.env, "COMPAT_APP=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	f.must(err)
	out, err := cmd.StdoutPipe()
	f.must(err)
	f.must(cmd.Start())
	a := &app{f.t, w.name, cmd, cmd.Process.Pid, in, bufio.NewReader(out)}
	f.t.Cleanup(a.kill)
	return a
}

// do has the application carry out one command and returns its answer.
func (a *app) do(command string) string {
	a.t.Helper()
	fmt.Fprintln(a.request, command)
	answer, err := a.answer.ReadString('\n')
	if err != nil {
		a.t.Fatalf("%s, asked to %s: %v", a.name, command, err)
	}
	return strings.TrimSpace(answer)
}

func (a *app) mustDo(commands ...string) {
	a.t.Helper()
	for _, command := range commands {
		if answer := a.do(command); answer != "ok" {
			a.t.Fatalf("%s, asked to %s: %s", a.name, command, answer)
		}
	}
}

// kill kills the application and reaps it. Its children find their standard
// input closed.
func (a *app) kill() {
	a.cmd.Process.Kill()
	a.cmd.Wait()
}
