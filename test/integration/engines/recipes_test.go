package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../../"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(root + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the code blocks of one language, by page and in the order of the page.
func blocks(t *testing.T, language string) map[string][]string {
	t.Helper()
	pages, err := filepath.Glob(root + "docs/*.md")
	if err != nil || len(pages) < 9 {
		t.Fatalf("only %q in docs: %v", pages, err)
	}
	found := map[string][]string{}
	for _, page := range append(pages, root+"README.md") {
		page = strings.TrimPrefix(page, root)
		for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(read(t, page), -1) {
			found[page] = append(found[page], m[1])
		}
	}
	return found
}

// A mistake is a change of a recipe that its check has to report.
type mistake struct{ old, new, says string }

// verify wants a check to accept a recipe and to report each mistake: a check that cannot fail proves
// nothing.
func verify(t *testing.T, recipe string, check func(recipe string) error, mistakes []mistake) {
	t.Helper()
	if err := check(recipe); err != nil {
		t.Fatalf("%v\n%s", err, recipe)
	}
	for _, m := range mistakes {
		if !strings.Contains(recipe, m.old) {
			t.Errorf("the recipe has no %q any more: it has changed, and this test must follow", m.old)
			continue
		}
		err := check(strings.Replace(recipe, m.old, m.new, 1))
		if err == nil || !strings.Contains(err.Error(), m.says) {
			t.Errorf("%q instead of %q: want an error with %q, got %v", m.new, m.old, m.says, err)
		}
	}
}

// checkCommand wants a command without a shell that runs the probe and asks for readiness, or for
// liveness where the engine restarts what is unhealthy.
func checkCommand(command []string, live bool) error {
	want := []string{"/healthprobe"}
	if live {
		want = append(want, "-live")
	}
	if !slices.Equal(command, want) {
		return fmt.Errorf("the command is %q, not %q", command, want)
	}
	return nil
}
