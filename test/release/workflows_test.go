//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestInstallCommands: what docs/install.md tells to do with a release, the release
// workflow does with what it has published, but for the first line, which sets the
// version, and is an example.
func TestInstallCommands(t *testing.T) {
	workflow := regexp.MustCompile(`(?m)^ +`).ReplaceAllString(read(t, ".github/workflows/release.yml"), "")
	blocks := regexp.MustCompile("(?ms)^```sh\nVERSION=v1.0.0[^\n]*\n(.*?)^```$").FindAllStringSubmatch(read(t, "docs/install.md"), -1)
	if len(blocks) != 2 {
		t.Fatalf("docs/install.md has %d blocks that begin with VERSION=v1.0.0, want an archive and the image", len(blocks))
	}
	for _, b := range blocks {
		if commands := regexp.MustCompile(`(?m)^ +`).ReplaceAllString(b[1], ""); !strings.Contains(workflow, "run: |\n"+commands) {
			t.Errorf("release.yml does not run what docs/install.md says:\n%s", b[1])
		}
	}
}

// TestPins: each action is pinned by its commit, since its author can move a tag.
func TestPins(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	paths, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(paths) != 3 {
		t.Fatalf("%q: %v", paths, err)
	}
	commits := map[string]string{}
	for _, path := range paths {
		text := read(t, ".github/workflows/"+filepath.Base(path))
		for _, m := range regexp.MustCompile(`uses: (.*)`).FindAllStringSubmatch(text, -1) {
			if !pinned.MatchString(m[1]) {
				t.Errorf("%s: %s is not pinned by commit, with its version", path, m[1])
			}
			action, commit, _ := strings.Cut(m[1], "@")
			if other := commits[action]; other != "" && other != commit {
				t.Errorf("%s is pinned at %s and at %s", action, commit, other)
			}
			commits[action] = commit
		}
		if !regexp.MustCompile(`(?m)^permissions:( \{\}|\n  contents: read)$`).MatchString(text) {
			t.Errorf("%s: the jobs have more permissions than they need", path)
		}
	}
}
