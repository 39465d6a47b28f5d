//go:build linux

package healthprobe_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestReadmeLength: whoever wants more follows a link.
func TestReadmeLength(t *testing.T) {
	if n := strings.Count(docText(t, "README.md"), "\n"); n > 180 {
		t.Errorf("README.md has %d lines; 180 are enough", n)
	}
}

// TestReadmeCommands: .ci/run gives the README's commands for a fresh machine,
// and how a release is linked is said in build.sh only.
func TestReadmeCommands(t *testing.T) {
	ci, readme := docText(t, ".ci/run"), docText(t, "README.md")
	for _, command := range []string{"go run ./examples/demo", "go test ./..."} {
		if !strings.Contains(ci, "\n"+command+" #") {
			t.Errorf(".ci/run does not run %q", command)
		}
		if !strings.Contains(readme, "\n"+command+" ") {
			t.Errorf("README.md does not show %q", command)
		}
	}
	if !strings.Contains(docText(t, "build.sh"), "-E=main.direct") {
		t.Error("build.sh does not link the direct entry")
	}
	for _, path := range []string{"README.md", "Dockerfile.scratch", "examples/demo/main.go"} {
		if s := docText(t, path); !strings.Contains(s, "./build.sh") || strings.Contains(s, "-E=") {
			t.Errorf("%s does not build with ./build.sh, or says how to link itself", path)
		}
	}
}

// TestReadmeUsage: README.md shows the probe's whole usage. TestDocs runs it.
func TestReadmeUsage(t *testing.T) {
	blocks, _ := docSplit(t, "README.md")
	if !slices.ContainsFunc(blocks, func(b docBlock) bool {
		return b.language == "console" && strings.HasPrefix(b.text, "$ healthprobe -h\nUsage: ")
	}) {
		t.Error("README.md does not show healthprobe -h")
	}
}

// TestReadmeTry runs what README.md says to do to try it, on a copy in place of a
// clone, and then the first console block in the same shell.
func TestReadmeTry(t *testing.T) {
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	clone := filepath.Join(dir, "healthprobe")
	for _, name := range []string{"cmd", "internal", "writer"} {
		if err := os.CopyFS(filepath.Join(clone, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "build.sh"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(clone, name), text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	blocks, _ := docSplit(t, "README.md")
	session := blocks[slices.IndexFunc(blocks, func(b docBlock) bool { return b.language == "console" })]
	i := slices.IndexFunc(blocks, func(b docBlock) bool { return b.language == "sh" })
	try, ok := strings.CutPrefix(blocks[i].text, "git clone https://github.com/healthprobe/healthprobe && ")
	if !ok {
		t.Fatalf("%v does not begin with git clone", blocks[i])
	}
	cmd := exec.Command("sh", "-c", "set -e\n"+try+"set +e\n"+docSession(session))
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "LIVENESS_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+dir)
	out, err := cmd.Output()
	if err != nil || docPlain(string(out), cmd.Process.Pid) != docPlain(session.text, 4711) {
		t.Errorf("%v says\n%s\nbut it is %v\n%s", session, session.text, err, out)
	}
}
