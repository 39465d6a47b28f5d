//go:build linux

package exec

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestWrongLink checks that the build tag of the start symbol and the linker's flag work
// together only. With the tag alone, healthctl would restore what nobody has noted.
func TestWrongLink(t *testing.T) {
	testenv.Require(t, hasStart, "healthctl has no start symbol here")
	program := filepath.Join(newDir(t), "healthctl")
	err := testenv.BuildPackage(program, "./cmd/healthctl", "-ldflags=-E=main.start")
	if err == nil || !strings.Contains(err.Error(), "main.start") {
		t.Errorf("without the tag: %v", err)
	}
	if err := testenv.BuildPackage(program, "./cmd/healthctl", "-tags=healthctl_start"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "version").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "healthctl: built with the tag healthctl_start, but ") {
		t.Errorf("without the flag: %v, %s", err, out)
	}
}
