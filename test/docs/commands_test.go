//go:build linux

package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docShell checks commands that are too slow for here, or need a cluster or an
// engine: their syntax, the paths, the tests that they name, and the flags of our
// own programs.
func docShell(t *testing.T, bin string, blocks []docBlock) {
	for _, b := range blocks {
		syntax := exec.Command("sh", "-n")
		syntax.Stdin = strings.NewReader(b.text)
		if out, err := syntax.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", b, err, out)
		}
		for line := range strings.Lines(b.text) {
			command := strings.TrimSpace(strings.Split(line, " #")[0])
			if command == "" || strings.HasPrefix(command, "#") {
				continue
			}
			docWords(t, bin, b.String(), strings.Fields(command))
		}
	}
	docArgvs(t, bin, blocks)
}

// docWords checks the words of one command.
func docWords(t *testing.T, bin, where string, words []string) {
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
			if st, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: %v", where, err)
			} else if st.IsDir() {
				dirs = append(dirs, path)
			}
		}
	}
	if len(words) > 3 && words[0] == "go" && words[1] == "-C" {
		words = append([]string{"go"}, words[3:]...)
	}
	if len(words) > 1 && words[0] == "go" && words[1] == "test" {
		docGoTest(t, where, words, dirs)
	}
	if name := filepath.Base(words[0]); name == "healthprobe" || name == "healthctl" {
		docArgv(t, bin, where, words)
	}
}

// docGoTest wants the tests that a go test command names to exist.
func docGoTest(t *testing.T, where string, words, dirs []string) {
	for i, word := range words[:len(words)-1] {
		if !slices.Contains([]string{"-run", "-bench", "-fuzz"}, word) {
			continue
		}
		pattern, _, _ := strings.Cut(strings.Trim(words[i+1], "'"), "/")
		if pattern == "^$" {
			continue
		}
		found := false
		for _, m := range regexp.MustCompile(`(?m)^func ((Test|Benchmark|Fuzz)\w+)\(`).FindAllStringSubmatch(docTests(t, dirs), -1) {
			found = found || regexp.MustCompile(pattern).MatchString(m[1])
		}
		if !found {
			t.Errorf("%s: %q matches no test in %q", where, pattern, dirs)
		}
	}
	if slices.Contains(words, "-long") && !strings.Contains(docTests(t, dirs), `flag.Bool("long"`) {
		t.Errorf("%s: the tests in %q have no flag -long", where, dirs)
	}
}

// docTests returns the text of all tests in some directories.
func docTests(t *testing.T, dirs []string) (text string) {
	for _, dir := range dirs {
		paths, _ := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
		for _, path := range paths {
			text += docText(t, filepath.Join(dir, filepath.Base(path)))
		}
	}
	return text
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

// docInline checks each command of ours in running text, each go command with its
// arguments, and each call of another language, such as ["/healthctl", "set", "0"] or ("/healthctl", "set").
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
			case name == "go" && len(words) > 2:
				docWords(t, bin, page+": "+code, words)
				continue
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

// docSession makes a script of a console block, which prints the commands too.
func docSession(b docBlock) string {
	script := "exec 2>&1\n"
	for line := range strings.Lines(b.text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			command = strings.TrimSpace(command)
			script += "printf '%s\\n' '$ " + strings.ReplaceAll(command, "'", `'\''`) + "'\n" +
				command + "\nrc=$?; [ $rc = 0 ] || echo \"[exit status $rc]\"\n"
		}
	}
	return script
}

// docConsole runs each console block in one shell, and wants the output that it
// shows. What differs from run to run does not count: see docPlain. /run stands
// for a directory of the test's.
func docConsole(t *testing.T, bin string, blocks []docBlock) {
	for _, b := range blocks {
		runDir := t.TempDir()
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(docSession(b), "/run/", runDir+"/"))
		cmd.Dir, cmd.Env = t.TempDir(), docEnv(bin, runDir)
		cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir())
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%v: %v", b, err)
			continue
		}
		got := strings.ReplaceAll(string(out), runDir, "/run")
		if docPlain(got, cmd.Process.Pid) != docPlain(b.text, 4711) {
			t.Errorf("%v says\n%s\nbut it is\n%s", b, b.text, got)
		}
	}
}

// docPlain replaces what differs from run to run: the shell's pid, times, start
// times, boot ids and the width of columns. Other numbers stay: a code of 3 is 3.
func docPlain(s string, pid int) string {
	for _, r := range []struct{ pattern, by string }{
		{`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`, "BOOT"},
		{fmt.Sprintf(`\b%d\b`, pid), "PID"},
		{`\b([0-9]+(\.[0-9]+)?(h|ms|m|µs|s))+\b`, "TIME"},
		{`\b[0-9]{3,}\b`, "NUMBER"},
		{`  +`, " "},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.by)
	}
	return s
}

// TestDocPlain: an age does not count, however long a busy machine takes, and
// what means something does.
func TestDocPlain(t *testing.T) {
	const (
		table = "CODE  AGE  MESSAGE\n3     0s   error 3: upstream db unreachable"
		line  = "healthy: web: pid 4711, identity verified, age 0.004s, error 0"
	)
	for _, age := range []string{"0s", "100ms", "9.9s", "10s", "59s", "1m0s", "12m34s", "1h0m0s", "100h0m1s"} {
		wide := "CODE  AGE" + strings.Repeat(" ", len(age)) + "MESSAGE\n3     " + age + "  error 3: upstream db unreachable"
		if got := docPlain(wide, 1); got != docPlain(table, 1) {
			t.Errorf("%s is not plain in a table: %q", age, got)
		}
	}
	for _, age := range []string{"0s", "0.001s", "0.999s", "1s", "9.999s", "75.050s", "360000s"} {
		if got := docPlain(strings.Replace(line, "0.004s", age, 1), 4711); got != docPlain(line, 4711) {
			t.Errorf("%s is not plain in a line: %q", age, got)
		}
	}
	for _, other := range [][2]string{{"error 0", "error 1"}, {"error 0", "error 10"}, {"4711", "4712"}, {"0.004s", "0.004"}, {"healthy", "unhealthy"}} {
		changed := strings.Replace(line, other[0], other[1], 1)
		if docPlain(changed, 4711) == docPlain(line, 4711) {
			t.Errorf("%q counts as %q", changed, line)
		}
	}
}

// TestReadmeTry runs what README.md says to do to try it, on a copy in place of a
// clone, and then the first console block in the same shell.
func TestReadmeTry(t *testing.T) {
	dir := t.TempDir()
	clone := filepath.Join(dir, "healthprobe")
	for _, name := range []string{"cmd", "internal", "writer"} {
		if err := os.CopyFS(filepath.Join(clone, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "build.sh"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(clone, name), text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	blocks, _ := docSplit(t, "README.md")
	session := blocks[slices.IndexFunc(blocks, func(b docBlock) bool { return b.language == "console" })]
	i := slices.IndexFunc(blocks, func(b docBlock) bool { return b.language == "sh" })
	try, ok := strings.CutPrefix(blocks[i].text, "git clone https://github.com/healthprobe/healthprobe && ")
	if !ok {
		t.Fatalf("%v does not begin with git clone", blocks[i])
	}
	cmd := exec.Command("sh", "-c", "set -e\n"+try+"set +e\n"+docSession(session))
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "LIVENESS_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+dir)
	out, err := cmd.Output()
	if err != nil || docPlain(string(out), cmd.Process.Pid) != docPlain(session.text, 4711) {
		t.Errorf("%v says\n%s\nbut it is %v\n%s", session, session.text, err, out)
	}
}
