//go:build linux

package exec

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/writer"
)

// TestRootWithoutFowner: root that may give files away, but not change them afterwards, in a
// unit directory of another user. run sets the first 0 without a heartbeat, and so gives the
// file a time of its own.
func TestRootWithoutFowner(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "only root has capabilities to lose")
	setpriv := testenv.LookPath(t, "setpriv", "util-linux")
	dir := newDir(t)
	runDir := filepath.Join(dir, "run")
	const app = 65532
	if err := os.MkdirAll(filepath.Join(runDir, "web"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(runDir, "web"), app, app); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(setpriv, "--bounding-set=-fowner", "--inh-caps=-fowner", healthctl(t, "release"), "run", "--", "sleep", "600")
	cmd.Env = environment(dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	unit, err := writer.Open(writer.WithRunDir(runDir), writer.WithName("web"), writer.WithAnyOwner())
	for start := time.Now(); err == nil && unit.Ready() != nil && time.Since(start) < time.Minute; {
		time.Sleep(10 * time.Millisecond)
	}
	ready := unit.Ready()
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if err != nil || ready != nil {
		t.Errorf("%v, %v\n%s", err, ready, stderr.Bytes())
	}
}
