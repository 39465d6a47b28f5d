//go:build linux

package testenv

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "try whether go test notices a change of the programs")

// TestCache: the README's go test ./... never answers "ok (cached)" for code that
// has changed since. The packages below build the programs in child processes,
// where the test cache does not see what is read: see TrackSources.
func TestCache(t *testing.T) {
	if !*long {
		t.Skip("needs -long, and runs tests of four packages three times")
	}
	const (
		rules        = "internal/verdict/checks.go"
		rule, broken = "if code != 0 {", "if code < 0 {" // every code is healthy
		module       = "github.com/healthprobe/healthprobe"
	)
	dir := copyModule(t)
	run := func() string {
		// One fast test of each package, and only the direct entry of a script.
		cmd := exec.Command("go", "test", "-run", "^(TestScript|TestVersion|TestCodes|TestReasonStaysOneLine)$/^(direct|-?[0-9].*)?$/^set-code$",
			"./test/script", "./test/entry", "./test/compat", "./test/faults")
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput() // the error is that a test fails
		return string(out)
	}
	count := func(out, format string) (n int) {
		for _, pkg := range []string{"/test/script", "/test/entry", "/test/compat", "/test/faults"} {
			n += strings.Count(out, fmt.Sprintf(format, module+pkg))
		}
		return n
	}

	first, second := run(), run()
	if count(second, "ok  \t%s\t(cached)\n") != 4 {
		t.Fatalf("the second run is not cached:\n%s\nafter\n%s", second, first)
	}
	path := filepath.Join(dir, rules)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), rule) != 1 {
		t.Fatalf("%s does not contain %q exactly once: break another rule", rules, rule)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(source), rule, broken, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	third := run()
	if strings.Contains(third, "(cached)") || count(third, "FAIL\t%s\t") == 0 {
		t.Errorf("after a rule was broken in %s:\n%s", rules, third)
	}
}

// copyModule copies the module to a directory. The copies look old, because the
// test cache does not trust a file that was changed less than two seconds ago.
func copyModule(t *testing.T) (dir string) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	dir, err = os.MkdirTemp("", "healthprobe-cache") // some tests become another user, who may not enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	old := time.Now().Add(-time.Hour)
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, root))
		switch {
		case entry.Name() == ".git":
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(to, 0o755)
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, content, info.Mode()); err != nil {
			return err
		}
		return os.Chtimes(to, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
