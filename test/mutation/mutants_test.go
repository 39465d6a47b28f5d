//go:build linux

package mutation

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/healthprobe/healthprobe"

// directory is one whose code is changed.
type directory struct {
	path   string
	sample int    // how many of its mutants -long tries
	tags   string // of the build, for files that need some
}

var directories = []directory{
	{"internal/state", 4, ""},
	{"internal/sys", 2, ""},
	{"internal/sys", 3, directTag},
	{"internal/text", 3, ""},
	{"internal/verdict", 4, ""},
	{"writer", 7, ""},
	{"cmd/healthctl", 6, ""},
	{"cmd/healthprobe", 3, ""},
}

// directTag is the build tag of the direct entry.
const directTag = "healthprobe_direct"

// A mutant is one change.
type mutant struct {
	name string
	dir  string // of its package
	file string // relative to the root
	text string // of the whole file
}

// source is one file.
type source struct {
	path string // relative to the root
	text []byte
	file *ast.File
	base int // position of its first byte
}

func (s *source) textOf(n ast.Node) string {
	return string(s.text[int(n.Pos())-s.base : int(n.End())-s.base])
}

// generate returns all mutants of a directory that compile, in an order that looks
// random and does not depend on the rest of the code.
func generate(t *testing.T, root string, d directory, exports map[string]string) []mutant {
	t.Helper()
	dir, context := d.path, build.Default
	context.BuildTags = strings.Fields(d.tags)
	fset := token.NewFileSet()
	var sources []*source
	paths, _ := filepath.Glob(filepath.Join(root, dir, "*.go"))
	for _, path := range paths {
		if ok, err := context.MatchFile(filepath.Dir(path), filepath.Base(path)); err != nil {
			t.Fatal(err)
		} else if !ok || strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &source{filepath.Join(dir, filepath.Base(path)), text, file, fset.File(file.Pos()).Base()})
	}
	checker := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	compiles := func(changed *source, text string) bool {
		var files []*ast.File
		for _, s := range sources {
			file := s.file
			if s == changed {
				var err error
				if file, err = parser.ParseFile(fset, s.path, text, parser.SkipObjectResolution); err != nil {
					return false
				}
			}
			files = append(files, file)
		}
		_, err := checker.Check(module+"/"+dir, fset, files, nil)
		return err == nil
	}
	if len(sources) == 0 || !compiles(sources[0], string(sources[0].text)) {
		t.Fatalf("%s does not compile, so nothing can be said of its mutants", dir)
	}
	var all []mutant
	seen := map[string]int{}
	for _, s := range sources {
		s.walk(func(function string, e edit) {
			name := fmt.Sprintf("%s %s: %s %q", s.path, function, e.operator, clip(s.shown(e.shown)))
			if seen[name]++; seen[name] > 1 {
				name += fmt.Sprintf(" #%d", seen[name])
			}
			text := string(s.text[:int(e.from)-s.base]) + e.text + string(s.text[int(e.to)-s.base:])
			if compiles(s, text) {
				all = append(all, mutant{name, dir, s.path, text})
			}
		})
	}
	slices.SortFunc(all, func(a, b mutant) int {
		return bytes.Compare(hash(a.name), hash(b.name))
	})
	return all
}

// walk calls then for each edit of the file, with the name of the function.
func (s *source) walk(then func(function string, e edit)) {
	for _, decl := range s.file.Decls {
		name, f := "-", (*ast.FuncType)(nil)
		if decl, ok := decl.(*ast.FuncDecl); ok {
			name, f = decl.Name.Name, decl.Type
		}
		var parents []ast.Node
		functions := []*ast.FuncType{f}
		ast.Inspect(decl, func(n ast.Node) bool {
			if n == nil {
				if _, literal := parents[len(parents)-1].(*ast.FuncLit); literal {
					functions = functions[:len(functions)-1]
				}
				parents = parents[:len(parents)-1]
				return true
			}
			if literal, ok := n.(*ast.FuncLit); ok {
				functions = append(functions, literal.Type)
			}
			if len(parents) > 0 {
				for _, e := range s.edits(n, parents, functions[len(functions)-1]) {
					then(name, e)
				}
			}
			parents = append(parents, n)
			return true
		})
	}
}

// shown returns the text that names a mutant.
func (s *source) shown(n ast.Node) string {
	if clause, ok := n.(*ast.CaseClause); ok && clause.Body == nil {
		return string(s.text[int(clause.Case)-s.base : int(clause.Colon)-s.base])
	}
	return s.textOf(n)
}

// clip makes one short line of a source text.
func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 80 {
		text = text[:77] + "..."
	}
	return text
}

func hash(s string) []byte {
	h := fnv.New64a()
	io.WriteString(h, s)
	return h.Sum(nil)
}

// exportData returns the files of compiled packages, by import path, which the type
// checker reads.
func exportData(t *testing.T, root string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./cmd/...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[path] = file
	}
	return exports
}
