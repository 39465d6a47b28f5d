//go:build linux

package healthprobe_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docShell checks commands that are too slow for here, or need a cluster or an
// engine. What .ci/run gives is run there. Of the others the syntax, the paths,
// the tests that they name, and the flags of our own programs are checked.
func docShell(t *testing.T, bin string, blocks []docBlock) {
	ci := docText(t, ".ci/run")
	for _, b := range blocks {
		syntax := exec.Command("sh", "-n")
		syntax.Stdin = strings.NewReader(b.text)
		if out, err := syntax.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", b, err, out)
		}
		for line := range strings.Lines(b.text) {
			command := strings.TrimSpace(strings.Split(line, " #")[0])
			if command == "" || strings.HasPrefix(command, "#") || strings.Contains(ci, "\n"+command+" #") {
				continue
			}
			docWords(t, bin, b, strings.Fields(command))
		}
	}
	docArgvs(t, bin, blocks)
}

// docWords checks the words of one command.
func docWords(t *testing.T, bin string, b docBlock, words []string) {
	for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 { // only sets variables
		return
	}
	dirs := []string{}
	for i, word := range words {
		top, _, _ := strings.Cut(strings.TrimPrefix(word, "./"), "/")
		known := slices.Contains([]string{"cmd", "docs", "examples", "internal", "test", "testdata", "writer", "build.sh", ".ci"}, top)
		if top == "healthprobe" || top == "healthctl" { // unpacked from an archive
			continue
		}
		if strings.HasPrefix(word, "./") || known && strings.Contains(word, "/") || i > 0 && words[i-1] == "-f" {
			path := strings.TrimSuffix(word, "/...")
			if st, err := os.Stat(path); err != nil {
				t.Errorf("%v: %v", b, err)
			} else if st.IsDir() {
				dirs = append(dirs, path)
			}
		}
	}
	if words[0] == "go" && len(words) > 1 && words[1] == "test" {
		docGoTest(t, b, words, dirs)
	}
	if name := filepath.Base(words[0]); name == "healthprobe" || name == "healthctl" {
		docArgv(t, bin, b.String(), words)
	}
}

// docGoTest wants the tests that a go test command names to exist.
func docGoTest(t *testing.T, b docBlock, words, dirs []string) {
	for i, word := range words[:len(words)-1] {
		if !slices.Contains([]string{"-run", "-bench", "-fuzz"}, word) {
			continue
		}
		pattern, _, _ := strings.Cut(strings.Trim(words[i+1], "'"), "/")
		if pattern == "^$" {
			continue
		}
		found := false
		for _, dir := range append(dirs, ".") {
			paths, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
			for _, path := range paths {
				for _, m := range regexp.MustCompile(`(?m)^func ((Test|Benchmark|Fuzz)\w+)\(`).FindAllStringSubmatch(docText(t, path), -1) {
					found = found || regexp.MustCompile(pattern).MatchString(m[1])
				}
			}
		}
		if !found {
			t.Errorf("%v: %q matches no test in %q", b, pattern, dirs)
		}
	}
	if slices.Contains(words, "-long") {
		paths, _ := filepath.Glob(filepath.Join(dirs[0], "*_test.go"))
		if !slices.ContainsFunc(paths, func(path string) bool { return strings.Contains(docText(t, path), `flag.Bool("long"`) }) {
			t.Errorf("%v: the tests in %s have no flag -long", b, dirs[0])
		}
	}
}

// docArgvs checks the lists in a block that run one of our programs, such as
// CMD ["/healthprobe"], command: [/healthctl, install, /tools].
func docArgvs(t *testing.T, bin string, blocks []docBlock) {
	for _, b := range blocks {
		for _, m := range regexp.MustCompile(`\[([^\]\n]*\bhealth(?:probe|ctl)\b[^\]\n]*)\]`).FindAllStringSubmatch(b.text, -1) {
			var words []string
			for word := range strings.SplitSeq(m[1], ",") {
				if word = strings.Trim(word, `" `); word != "CMD" {
					words = append(words, word)
				}
			}
			docArgv(t, bin, b.String(), words)
		}
		if m := regexp.MustCompile(`args += \[(.*)\]`).FindStringSubmatch(b.text); m != nil { // Nomad
			words := []string{"healthprobe"}
			for word := range strings.SplitSeq(m[1], ",") {
				words = append(words, strings.Trim(word, `" `))
			}
			docArgv(t, bin, b.String(), words)
		}
	}
}

// docInline checks each command of ours in running text, and each call of
// another language, such as ["/healthctl", "set", "0"] or ("/healthctl", "set").
func docInline(t *testing.T, bin string) {
	n := 0
	for _, page := range docPages(t) {
		_, prose := docSplit(t, page)
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(prose, -1) {
			code := strings.Join(strings.Fields(m[1]), " ")
			words := strings.Fields(code)
			quoted := regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(code, -1)
			switch name := filepath.Base(words[0]); {
			case name == "healthprobe" || name == "healthctl":
			case strings.HasPrefix(words[0], `healthctl("`): // a function of that name
				words = []string{"healthctl"}
				for _, q := range quoted {
					words = append(words, q[1])
				}
			case len(quoted) > 1 && filepath.Base(quoted[0][1]) == "healthctl":
				words = nil
				for _, q := range quoted {
					words = append(words, q[1])
				}
			default:
				continue
			}
			if strings.HasSuffix(words[0], ":") { // a message
				continue
			}
			n++
			docArgv(t, bin, page+": "+code, words)
		}
	}
	if n < 30 {
		t.Errorf("found only %d commands", n)
	}
}

// docArgv wants the command and the flags to be in the program's usage.
func docArgv(t *testing.T, bin, where string, words []string) {
	t.Helper()
	name, args := filepath.Base(words[0]), words[1:]
	help := []string{"-h"}
	if name == "healthctl" && len(args) > 0 {
		help, args = []string{args[0], "-h"}, args[1:]
	}
	usage, err := exec.Command(filepath.Join(bin, name), help...).Output()
	if err != nil {
		t.Errorf("%s: %s %q: %v", where, name, help, err)
		return
	}
	known := regexp.MustCompile(`-[a-z][a-z-]*`).FindAllString(string(usage), -1)
	for _, arg := range args {
		if arg == "--" { // no flags behind it
			return
		}
		if !strings.HasPrefix(arg, "-") {
			if slices.Contains(help, "exec") && !strings.HasPrefix(arg, "$") && strings.Contains(arg, "/") {
				return // the rest belongs to the command
			}
			continue
		}
		if regexp.MustCompile(`^-[0-9]+$`).MatchString(arg) { // a CODE
			continue
		}
		if flag, _, _ := strings.Cut(arg, "="); !slices.Contains(known, flag) {
			t.Errorf("%s: %s %q has no flag %s", where, name, help, flag)
		}
	}
}
