//go:build linux

package exec

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// workDir contains the built programs and a directory for each test. Its mode is
// 0755, because some tests become another user.
var workDir string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "healthprobe-exec-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	workDir = dir
	return m.Run()
}

// buildRelease and buildPlain build the programs once: by build.sh, and by go build.
var (
	buildRelease = sync.OnceValues(func() (string, error) {
		dir := filepath.Join(workDir, "release")
		return dir, testenv.Build(dir, testenv.Options{})
	})
	buildPlain = sync.OnceValues(func() (string, error) {
		dir := filepath.Join(workDir, "plain")
		return dir, testenv.Build(dir, testenv.Options{Plain: true})
	})
)

// builds are the two, by the names that the tests have for them.
var builds = map[string]func() (string, error){"release": buildRelease, "plain": buildPlain}

// healthctl returns the path of healthctl.
func healthctl(t *testing.T, build string) string {
	t.Helper()
	dir, err := builds[build]()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "healthctl")
}

// observe returns the path of testdata/observe.c, compiled.
func observe(t *testing.T) string {
	t.Helper()
	testenv.LookPath(t, "gcc", "gcc libc6-dev")
	path, err := compile()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var compile = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(workDir, "observe")
	if out, err := exec.Command("gcc", "-O2", "-static", "-Wall", "-o", path, "testdata/observe.c").CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return path, nil
})

// words splits a command at spaces. What is in single quotes is one word.
func words(command string) (all []string) {
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

// newDir makes a directory in which every user may write, and returns its path.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(workDir, "")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
