//go:build linux

package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// docEnv is the environment of an application whose unit is web.
func docEnv(bin, runDir string) []string {
	return append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LIVENESS_RUNDIR="+runDir, "LIVENESS_UNIT_NAME=web")
}

// docPython takes each Python program through its life. An excerpt has to be in
// an example, which has a test of its own.
func docPython(t *testing.T, bin string, blocks []docBlock) {
	python := testenv.LookPath(t, "python3", "python3")
	programs := 0
	for _, b := range blocks {
		if strings.HasPrefix(b.text, "import ") {
			docLife(t, bin, python, "-c", b.text)
			programs++
		} else {
			docExamples(t, bin, []docBlock{b})
		}
	}
	if programs == 0 {
		t.Error("no whole program")
	}
}

// TestDocsEntrypoint runs the shell entrypoint of docs/applications.md. It becomes
// the server if the check passes, and does not start it otherwise.
func TestDocsEntrypoint(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	blocks, _ := docSplit(t, "docs/applications.md")
	i := slices.IndexFunc(blocks, func(b docBlock) bool { return strings.HasPrefix(b.text, "#!/bin/sh\n") })
	if i < 0 {
		t.Fatal("docs/applications.md has no entrypoint")
	}
	script := strings.NewReplacer("/healthctl", bin+"/healthctl", "/checks/database", dir+"/check", "/app/server", dir+"/server").Replace(blocks[i].text)
	for check, want := range map[string]string{
		"exit 0": "healthy: web: ",
		"exit 1": "healthctl: load web: check " + dir + "/check: not healthy\n",
	} {
		for name, text := range map[string]string{"check": check, "server": "exec " + bin + "/healthprobe -v", "entrypoint": script} {
			if err := testenv.WriteProgram(filepath.Join(dir, name), []byte("#!/bin/sh\n"+strings.TrimPrefix(text, "#!/bin/sh\n"))); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(filepath.Join(dir, "entrypoint"))
		cmd.Env = docEnv(bin, t.TempDir())
		out, err := cmd.CombinedOutput()
		if !strings.HasPrefix(string(out), want) || (err == nil) != (check == "exit 0") {
			t.Errorf("with a check that does %s the entrypoint says %v\n%s", check, err, out)
		}
	}
}

// TestDocsSlowStart runs the entrypoint of docs/applications.md for a server that
// needs a while: it is alive, but not ready until another program says so.
func TestDocsSlowStart(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	blocks, _ := docSplit(t, "docs/applications.md")
	i := slices.IndexFunc(blocks, func(b docBlock) bool { return strings.Contains(b.text, "healthctl exec -set 1 ") })
	if i < 0 {
		t.Fatal("docs/applications.md has no such entrypoint")
	}
	for name, text := range map[string]string{
		"entrypoint": strings.NewReplacer("/healthctl", bin+"/healthctl", "/app/", dir+"/").Replace(blocks[i].text),
		"ready":      "#!/bin/sh\ntest -e " + dir + "/listening\n",
		"server":     "#!/bin/sh\nexec sleep 600\n",
	} {
		if err := testenv.WriteProgram(filepath.Join(dir, name), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	app := exec.Command(filepath.Join(dir, "entrypoint"))
	app.Env = docEnv(bin, t.TempDir())
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	defer app.Wait()
	defer app.Process.Kill()
	probe := func(args ...string) string {
		cmd := exec.Command(filepath.Join(bin, "healthprobe"), args...)
		cmd.Env = app.Env
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	await := func(want string) {
		for line := probe(); line != want; line = probe() {
			if strings.Contains(line, "healthprobe: ") { // else the test's time-out ends this
				t.Fatal(line)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	await("unhealthy: web: error 1: starting\n")
	if line := probe("-live"); line != "" {
		t.Error(line)
	}
	if err := os.WriteFile(filepath.Join(dir, "listening"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	await("")
}

// docGo compiles each Go block and wants it formatted. A whole program is taken
// through its life.
func docGo(t *testing.T, bin string, blocks []docBlock) {
	module, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace, snippets, programs := map[string]string{}, []string{}, []string{}
	for i, b := range blocks {
		if formatted, err := format.Source([]byte(b.text)); err != nil || string(formatted) != b.text {
			t.Errorf("%v is not formatted: %v", b, err)
			continue
		}
		name := fmt.Sprintf("block%d", i)
		source := filepath.Join(dir, name+".go")
		if err := os.WriteFile(source, []byte(docFile(b.text)), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(module, name, "main.go")] = source
		if strings.Contains(b.text, "\nfunc main()") {
			programs = append(programs, "./"+name)
		} else {
			snippets = append(snippets, "./"+name)
		}
	}
	overlay := filepath.Join(dir, "overlay.json")
	config, _ := json.Marshal(map[string]any{"Replace": replace})
	if err := os.WriteFile(overlay, config, 0o644); err != nil {
		t.Fatal(err)
	}
	if len(programs) == 0 {
		t.Error("no whole program")
	}
	for _, args := range [][]string{snippets, append([]string{"-o", dir + "/"}, programs...)} {
		build := exec.Command("go", append([]string{"build", "-overlay", overlay}, args...)...)
		build.Dir = module
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", blocks, err, out)
		}
	}
	for _, name := range programs {
		docLife(t, bin, filepath.Join(dir, name))
	}
}

// docFile makes a file of a Go block: declarations get a package, which is compiled and
// not linked, statements a function, and both what they refer to.
func docFile(text string) string {
	if strings.HasPrefix(text, "package ") {
		return text
	}
	file := "package snippet\n\nimport \"github.com/healthprobe/healthprobe/writer\"\n"
	for _, path := range []string{"context", "errors", "fmt", "log", "os", "testing", "time"} {
		if regexp.MustCompile(`\b` + path + `\.\w`).MatchString(text) {
			file += fmt.Sprintf("import %q\n", path)
		}
	}
	if strings.HasPrefix(text, "func ") {
		return file + "\n" + text
	}
	return file + `import ("context"; "os/exec")

var (
	ctx    context.Context
	checks []writer.Check
	work   func()
	unit   *writer.Unit
	cmd    *exec.Cmd
	err    error
)

func snippet() error {
` + text + `
	_, _ = unit, err
	return nil
}
`
}

// docLife takes a program through its life: healthy with a heartbeat while it
// runs, not loaded after it was told to end.
func docLife(t *testing.T, bin, program string, args ...string) {
	runDir := t.TempDir()
	app := exec.Command(program, args...)
	app.Env = docEnv(bin, runDir)
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	defer app.Process.Kill()
	ask := func(args ...string) (line string, status int) {
		cmd := exec.Command(filepath.Join(bin, "healthprobe"), args...)
		cmd.Env = app.Env
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	for _, args := range [][]string{nil, {"-strict"}, {"-live", "-max-age", "10m"}} {
		for line, status := ask(args...); status != 0; line, status = ask(args...) {
			if !strings.Contains(line, "loaded") { // else the test's time-out ends this
				t.Fatal(line)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	if err := app.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := app.Wait(); err != nil {
		t.Error(err)
	}
	if line, status := ask(); status != 1 || !strings.Contains(line, "not loaded: no pid in ") {
		t.Errorf("after its end: status %d: %s", status, line)
	}
}
