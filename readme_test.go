//go:build linux

package healthprobe_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/verdict"
)

// The README is tested like the rest, so that it cannot rot: its commands and
// programs are run, its other code is held against the files that are tested,
// its table of messages against the source.

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks gives the README's code blocks in one language.
func blocks(t *testing.T, language string) (found []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```\n").FindAllStringSubmatch(read(t, "README.md"), -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("no %s in the README", language)
	}
	return found
}

// TestReadmeConsole runs each console block in one shell, and wants the output
// that it shows, but for numbers and the width of columns.
func TestReadmeConsole(t *testing.T) {
	bin := target{name: "readme", arch: runtime.GOARCH, entry: "direct"}.build(t, t.TempDir())
	numbers, blanks := regexp.MustCompile(`[0-9][0-9.]*(s\b)?`), regexp.MustCompile(`  +`)
	for _, block := range blocks(t, "console") {
		script, want := "", ""
		for line := range strings.Lines(block) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				command = strings.TrimSpace(command)
				script += "printf '%s\\n' '$ " + command + "'\n" + command + "\nrc=$?; [ $rc = 0 ] || echo \"[exit status $rc]\"\n"
			}
			want += line
		}
		runDir := t.TempDir()
		cmd := exec.Command("sh", "-c", "exec 2>&1\n"+script)
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LIVENESS_RUNDIR="+runDir, "LIVENESS_UNIT_NAME=web")
		out, err := cmd.Output()
		if err != nil {
			t.Error(err)
		}
		plain := func(s string) string {
			return blanks.ReplaceAllString(numbers.ReplaceAllString(strings.ReplaceAll(s, runDir, "/run"), "0"), " ")
		}
		if plain(string(out)) != plain(want) {
			t.Errorf("the README says\n%s\nbut it is\n%s", want, out)
		}
	}
}

// TestReadmeGo builds the README's Go program and takes it through its life.
func TestReadmeGo(t *testing.T) {
	dir := t.TempDir()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	source, overlay, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "program")
	b, _ := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "readme", "main.go"): source}})
	if err := errors.Join(os.WriteFile(source, []byte(blocks(t, "go")[0]), 0o644), os.WriteFile(overlay, b, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"gofmt -d " + source, "go build -overlay " + overlay + " -o " + program + " ./readme"} {
		args := strings.Fields(command)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	app := exec.Command(program)
	app.Env = append(os.Environ(), "LIVENESS_RUNDIR="+dir, "LIVENESS_UNIT_NAME=web")
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	ask := func() verdict.Probe {
		p := verdict.Probe{RunDir: dir, Unit: "web", MaxAge: 1e11}
		p.Run()
		return p
	}
	for p := ask(); !p.Healthy(); p = ask() { // or the test's time-out ends this
		time.Sleep(10 * time.Millisecond)
	}
	if err := app.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := app.Wait(); err != nil {
		t.Error(err)
	}
	if p := ask(); p.Cause() != verdict.NotLoaded {
		t.Errorf("after its end: %v", p.Cause())
	}
}

// TestReadmeYAML: what the README shows stands in the examples, which have tests
// of their own.
func TestReadmeYAML(t *testing.T) {
	squeeze := func(s string) string { return regexp.MustCompile(`(?m)^ +`).ReplaceAllString(s, "") }
	for _, block := range blocks(t, "yaml") {
		if !strings.Contains(squeeze(read(t, "examples/kubernetes.yaml")), squeeze(block)) {
			t.Errorf("not in examples/kubernetes.yaml:\n%s", block)
		}
	}
}

// TestReadmeCommands: .ci/run gives the very commands of the README, and how a
// release is linked is said in ./build.sh only.
func TestReadmeCommands(t *testing.T) {
	ci := read(t, ".ci/run")
	for line := range strings.Lines(strings.Join(blocks(t, "sh"), "")) {
		command := strings.TrimSpace(strings.Split(line, "#")[0])
		if !strings.Contains(ci, "\n"+command+" #") {
			t.Errorf(".ci/run does not run %q", command)
		}
	}
	if !strings.Contains(read(t, "./build.sh"), "-E=main.direct") {
		t.Error("./build.sh does not link the direct door")
	}
	for _, path := range []string{"README.md", "Dockerfile.scratch", "examples/demo/main.go"} {
		if s := read(t, path); !strings.Contains(s, "./build.sh") || strings.Contains(s, "-E=") {
			t.Errorf("%s does not build with ./build.sh, or says how to link itself", path)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(read(t, "README.md"), -1) {
		if _, err := os.Stat(m[1]); err != nil && !strings.Contains(m[1], "://") {
			t.Error(err)
		}
	}
}

// TestReadmeMessages: each text that a verdict is put together from, and each
// exported error, is in the README.
func TestReadmeMessages(t *testing.T) {
	readme := read(t, "README.md")
	pieces := 0
	for text := range literals(t, "internal/verdict", func(call string) bool {
		return call == "Text" || call == "about" || call == "missing" || call == "malformed" || call == "Errno"
	}) {
		if text = strings.Trim(text, " :,()"); len(text) > 3 && text != "healthy" {
			pieces++
			if !strings.Contains(readme, text) {
				t.Errorf("the README does not explain %q", text)
			}
		}
	}
	for text := range literals(t, "internal/state", func(call string) bool { return call == "return" }) {
		if strings.HasPrefix(text, "is ") || strings.HasPrefix(text, "holds ") {
			pieces++
			if !strings.Contains(readme, text) {
				t.Errorf("the README does not explain %q", text)
			}
		}
	}
	errors := regexp.MustCompile(`(?m)^(?:\t|var )(Err\w+) += errors.New|^type (\w+Error) struct`).FindAllStringSubmatch(read(t, "writer/errors.go"), -1)
	for _, m := range errors {
		if name := m[1] + m[2]; !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("the README does not explain %s", name)
		}
	}
	if pieces < 30 || len(errors) < 7 {
		t.Errorf("found only %d pieces of messages and %d errors: the source has changed, and this test must follow", pieces, len(errors))
	}
}

// literals gives the string literals in a package that are arguments of such a
// call, or returned.
func literals(t *testing.T, dir string, in func(call string) bool) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	add := func(call string, list []ast.Expr) {
		for _, e := range list {
			if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING && in(call) {
				if s, err := strconv.Unquote(l.Value); err == nil {
					found[s] = true
				}
			}
		}
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok {
					add(f.Sel.Name, n.Args)
				}
			case *ast.ReturnStmt:
				add("return", n.Results)
			}
			return true
		})
	}
	return found
}
