//go:build linux

package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCI: .ci/run gives README.md's commands for a fresh clone, and the workflow has a
// job for each of its stages.
func TestCI(t *testing.T) {
	ci, readme := docText(t, ".ci/run"), docText(t, "README.md")
	for _, command := range []string{"go run ./examples/demo", "go test ./..."} {
		line := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(command) + `( +#.*)?$`)
		if !line.MatchString(ci) || !line.MatchString(readme) {
			t.Errorf("README.md and .ci/run do not both give %q", command)
		}
	}
	var defined []string
	for _, m := range regexp.MustCompile(`(?m)^stage-([a-z-]+)\(\)`).FindAllStringSubmatch(ci, -1) {
		defined = append(defined, m[1])
	}
	slices.Sort(defined)
	for file, list := range map[string]*regexp.Regexp{
		".ci/run":                  regexp.MustCompile(`(?m)^stages="(.*)"$`),
		".github/workflows/ci.yml": regexp.MustCompile(`(?m)^ +stage: \[(.*)\]$`),
	} {
		m := list.FindStringSubmatch(docText(t, file))
		if m == nil {
			t.Fatalf("%s has no list of stages", file)
		}
		listed := strings.Fields(strings.ReplaceAll(m[1], ",", ""))
		slices.Sort(listed)
		if !slices.Equal(listed, defined) {
			t.Errorf("%s lists the stages %q, and .ci/run has %q", file, listed, defined)
		}
	}
}
