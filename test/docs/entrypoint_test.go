//go:build linux

package healthprobe_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

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
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
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
