//go:build linux

package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// root is the module's, from where the tests of this package run. All paths below
// are relative to it.
const root = "../.."

// docPages are README.md and all of docs, which hold code blocks and links.
func docPages(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil || len(paths) < 9 {
		t.Fatalf("only %q in docs: %v", paths, err)
	}
	pages := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"}
	for _, path := range paths {
		pages = append(pages, "docs/"+filepath.Base(path))
	}
	return pages
}

// docText returns the text of a file of the module.
func docText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// docBlock is a fenced code block, without the fence's indentation.
type docBlock struct {
	page     string
	line     int // of the fence
	language string
	text     string
}

func (b docBlock) String() string { return fmt.Sprintf("%s:%d (%s)", b.page, b.line, b.language) }

// docSplit returns a page's code blocks, and its prose without them.
func docSplit(t *testing.T, page string) (blocks []docBlock, prose string) {
	t.Helper()
	var open *docBlock
	indent := ""
	n := 0
	for line := range strings.Lines(docText(t, page)) {
		n++
		before, fence, fenced := strings.Cut(strings.TrimRight(line, "\n"), "```")
		switch {
		case fenced && strings.TrimSpace(before) == "" && open == nil:
			indent, open = before, &docBlock{page: page, line: n, language: fence}
		case fenced && strings.TrimSpace(before) == "":
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent)
		default:
			prose += line
		}
	}
	if open != nil {
		t.Fatalf("%v is not closed", open)
	}
	return blocks, prose
}

// docCheckers check all blocks of one language.
var docCheckers = map[string]func(t *testing.T, bin string, blocks []docBlock){
	"console":    docConsole,
	"go":         docGo,
	"sh":         docShell,
	"python":     docPython,
	"dockerfile": docArgvs, // test/integration/containers builds the README's
	"yaml":       docExamples,
	"json":       docExamples,
	"ini":        docExamples,
	"hcl":        docExamples,
	"js":         docExamples,
	"java":       docExamples,
	"mermaid":    docDiagram,
	"text":       docMessages,
}

func TestDocs(t *testing.T) {
	bin := t.TempDir()
	if err := testenv.Build(bin, testenv.Options{}); err != nil {
		t.Fatal(err)
	}
	byLanguage := map[string][]docBlock{}
	for _, page := range docPages(t) {
		blocks, _ := docSplit(t, page)
		for _, b := range blocks {
			byLanguage[b.language] = append(byLanguage[b.language], b)
		}
	}
	for language, blocks := range byLanguage {
		t.Run(language, func(t *testing.T) {
			check := docCheckers[language]
			if check == nil {
				t.Fatalf("nothing checks %v", blocks)
			}
			check(t, bin, blocks)
		})
	}
	for language := range docCheckers {
		if len(byLanguage[language]) == 0 {
			t.Errorf("no %s block was found: the documents have changed, and this test must follow", language)
		}
	}
	t.Run("inline", func(t *testing.T) { docInline(t, bin) })
}

// docExamples compares what the documents show with the examples, which have
// tests of their own.
func docExamples(t *testing.T, bin string, blocks []docBlock) {
	suffix := map[string]string{"yaml": "*.yaml", "json": "*.json", "ini": "*.container", "hcl": "*.hcl", "python": "*.py", "js": "*.mjs", "java": "*.java"}
	squeeze := func(s string) string {
		return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(s, "")
	}
	for _, b := range blocks {
		if strings.HasPrefix(b.text, "services:\n") { // a whole Compose file: test/integration/engines loads it
			continue
		}
		paths, _ := filepath.Glob(filepath.Join(root, "examples", suffix[b.language]))
		if !slices.ContainsFunc(paths, func(path string) bool {
			return strings.Contains(squeeze(docText(t, "examples/"+filepath.Base(path))), squeeze(b.text))
		}) {
			t.Errorf("%v stands in none of %q:\n%s", b, paths, b.text)
		}
	}
	if blocks[0].language == "json" && !json.Valid([]byte(docText(t, "examples/ecs.json"))) {
		t.Error("examples/ecs.json is not JSON")
	}
	docArgvs(t, bin, blocks)
}

// docDiagram wants each state of the diagram to be declared.
func docDiagram(t *testing.T, _ string, blocks []docBlock) {
	for _, b := range blocks {
		if !strings.HasPrefix(b.text, "stateDiagram-v2\n") {
			t.Errorf("%v is not a state diagram", b)
		}
		states := map[string]bool{"[*]": true}
		for _, m := range regexp.MustCompile(`(?m)^ +state "[^"]+" as (\w+)$`).FindAllStringSubmatch(b.text, -1) {
			states[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`(?m)^ +(\S+) --> (\w+)`).FindAllStringSubmatch(b.text, -1) {
			if !states[m[1]] || !states[m[2]] {
				t.Errorf("%v: %s is between states that are not declared", b, m[0])
			}
		}
	}
}

// docMessages: lines of the programs are shown in docs/messages.md only, where
// TestMessages checks them.
func docMessages(t *testing.T, _ string, blocks []docBlock) {
	for _, b := range blocks {
		if strings.HasPrefix(b.text, "writer ") { // steps of the model: test/model compares them
			continue
		}
		if b.page != "docs/messages.md" {
			t.Errorf("nothing checks %v", b)
		}
	}
}

// TestDocsLinks follows each link to a file of the repository, and its anchor.
func TestDocsLinks(t *testing.T) {
	for _, page := range docPages(t) {
		_, prose := docSplit(t, page)
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(prose, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, hasAnchor := strings.Cut(m[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
				continue
			}
			if hasAnchor && !slices.Contains(docAnchors(t, target), anchor) {
				t.Errorf("%s links to %s, and %s has only %q", page, m[1], target, docAnchors(t, target))
			}
		}
	}
}

// docAnchors returns the anchors of a page's headings, as GitHub makes them: in
// lower case, punctuation dropped, blanks as hyphens, and the second of two
// equal ones with -1.
func docAnchors(t *testing.T, page string) (anchors []string) {
	t.Helper()
	_, prose := docSplit(t, page)
	for _, m := range regexp.MustCompile(`(?m)^#{1,6} +(.+)$`).FindAllStringSubmatch(prose, -1) {
		heading := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		slug := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
		slug = strings.ReplaceAll(slug, " ", "-")
		base := slug
		for n := 1; slices.Contains(anchors, slug); n++ {
			slug = fmt.Sprintf("%s-%d", base, n)
		}
		anchors = append(anchors, slug)
	}
	return anchors
}

// TestDocsErrors: each exported error of package writer has a heading.
func TestDocsErrors(t *testing.T) {
	errors := regexp.MustCompile(`(?m)^(?:\t|var )(Err\w+) += errors.New|^type ([A-Z]\w*Error) struct`).
		FindAllStringSubmatch(docText(t, "writer/errors.go"), -1)
	if len(errors) < 7 {
		t.Fatalf("found only %q in writer/errors.go: it has changed, and this test must follow", errors)
	}
	messages := docText(t, "docs/messages.md")
	for _, m := range errors {
		if name := m[1] + m[2]; !strings.Contains(messages, "\n### "+name+"\n") && !strings.Contains(messages, "`"+name+"`") {
			t.Errorf("docs/messages.md does not explain %s", name)
		}
	}
}
