//go:build linux

package script

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestNotUnix: on a system that is not Unix, package writer compiles, since an
// application may also be built for it, and the programs do nothing but say so.
func TestNotUnix(t *testing.T) {
	if !testenv.CI() {
		t.Skip("compiles the standard library for Windows; CI=true runs it")
	}
	if err := testenv.TrackSources(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/...", "./writer")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"healthprobe", "healthctl"} {
		program, err := os.ReadFile(filepath.Join(dir, name+".exe"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(program, []byte(name+": needs a Unix system, such as Linux, and this is ")) {
			t.Errorf("%s does not say what it needs", name)
		}
		if bytes.Contains(program, []byte("healthprobe/internal/verdict")) {
			t.Errorf("%s contains more than that", name)
		}
	}
}
