//go:build linux

package entry

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestDirectEntryRulesMutants breaks the rules of the direct entry in files that
// -overlay adds to the real ones, and checks that TestDirectEntryRules or
// TestStateObeysTheRules would report each of them. All mutants are in one build, and
// their names have numbers.
func TestDirectEntryRulesMutants(t *testing.T) {
	overlay := overlayMutants(t)
	for _, arch := range testenv.Tested() {
		t.Run(arch.String(), func(t *testing.T) {
			t.Parallel()
			l := list(t, arch, overlay)
			called, written := l.violations(enter), l.violations(stateRoots(l)...)
			for i, m := range mutants {
				found := ofMutant(i, called)
				if m.uncalled {
					if len(found) > 0 {
						t.Errorf("%s: want no violation from enter, got:\n%s", m.name, strings.Join(found, "\n"))
					}
					found = ofMutant(i, written)
				}
				all := strings.Join(found, "\n")
				switch {
				case m.want == "" && len(found) > 0:
					t.Errorf("%s: want no violation, got:\n%s", m.name, all)
				case !regexp.MustCompile(numbered(m.want, i)).MatchString(all):
					t.Errorf("%s: want a violation with %q, got:\n%s", m.name, numbered(m.want, i), all)
				}
			}
		})
	}
}

// mutant is code that breaks a rule, or none, in a function that enter calls or,
// if uncalled, that nothing calls.
type mutant struct {
	name string
	body string // of func mutant(n int, s string, b []byte) int
	decl string // declarations that body needs
	want string // matches part of the violation that is reported; "" for none
	dir  string // of the package that gets the function, if it is not main

	uncalled bool // only TestStateObeysTheRules finds it
}

// allocates matches the functions that allocate a variable: Go 1.27 calls one for
// each size.
const allocates = `runtime\.(newobject|mallocgc)`

var mutants = []mutant{
	{name: "nothing", body: `return n`},
	{name: "nothing that is reached", body: `return n`, decl: `func other() *[]int { s := make([]int, os.Getpid()); return &s }`},
	{name: "new", body: `kept = new(int)`, decl: `var kept *int`, want: allocates},
	{name: "make", body: `return len(make([]byte, n))`, want: "runtime.makeslice"},
	{name: "variable that escapes", body: `var v [64]byte; kept = v[:]`, decl: `var kept []byte`, want: allocates},
	{name: "append", body: `return len(append(b, s...))`, want: "runtime.growslice"},
	{name: "concatenation", body: `return len(s + s)`, want: "runtime.concatstring"},
	{name: "string from bytes", body: `kept = string(b)`, decl: `var kept string`, want: "runtime.slicebytetostring"},
	{name: "bytes from string", body: `kept = []byte(s)`, decl: `var kept []byte`, want: "runtime.stringtoslicebyte"},
	{name: "map use", body: `return kept[s]`, decl: `var kept map[string]int`, want: "mapaccess"},
	{name: "map local", body: `m := map[int]int{n: n}; return len(m)`, want: "runtime.mapassign"},
	{name: "map initializer", body: `if kept != nil { return 1 }`, decl: `var kept = map[string]int{"a": 1}`, want: "uses main.kept, which"},
	{name: "initializer", body: `return kept`, decl: `var kept = os.Getpid()`, want: "uses main.kept, which"},
	{name: "initializer by way of a function", body: `return kept`, decl: `var kept int; func init() { set() }; func set() { kept = os.Getpid() }`,
		want: "uses main.kept, which"},
	{name: "initializer outside", body: `return len(os.Args)`, want: "uses os.Args"},
	{name: "index", body: `return int(b[n])`, want: "runtime.panicBounds"},
	{name: "slice bounds", body: `return len(b[n:])`, want: "runtime.panicBounds"},
	{name: "array from slice", body: `return int([4]byte(b)[1])`, want: "runtime.panicBounds"},
	{name: "division", body: `return 100 / n`, want: "runtime.panicdivide"},
	{name: "shift", body: `return 1 << n`, want: "runtime.panicshift"},
	{name: "panic", body: `if n == 7 { panic(s) }`, want: "runtime.gopanic"},
	{name: "defer", body: `defer cmd.Env(s)`, want: "runtime.deferreturn"},
	{name: "recover", body: `recover()`, want: "runtime.gorecover"},
	{name: "goroutine", body: `go cmd.Env(s)`, want: "runtime.newproc"},
	{name: "boxed value", body: `var v any = n; kept = v`, decl: `var kept any`, want: "type descriptor type:int"},
	{name: "interface", body: `kept = &cmd`, decl: `var kept interface{ Env(string) }`, want: "go:itab."},
	{name: "type assertion", body: `if _, ok := kept.(error); ok { return 1 }`, decl: `var kept any`, want: "runtime.typeAssert"},
	{name: "channel", body: `kept <- n`, decl: `var kept chan int`, want: "runtime.chansend1"},
	{name: "closure", body: `kept = func() int { return n }`, decl: `var kept func() int`, want: allocates},
	{name: "function value", body: `kept(n)`, decl: `var kept = grow; func grow(n int) { println(make([]int, n)) }`, want: "runtime.makeslice"},
	{name: "large stack frame", body: `var v [1 << 13]byte; cmd.Env(string(v[n&(1<<13-1):])[:1])`, want: "has a stack frame of"},
	{name: "println", body: `println(n)`, want: "runtime.printlock"},
	{name: "syscall", body: `n, _ = syscall.Open(s, 0, 0)`, want: "uses syscall."},
	{name: "x/sys", body: `n, _ = unix.Openat(n, s, 0, 0)`, want: "uses golang.org/x/sys/unix."},
	{name: "os", body: `b, _ = os.ReadFile(s); return len(b)`, want: "uses os.ReadFile"},
	{name: "time", body: `return time.Now().Nanosecond()`, want: "uses time."},
	{name: "fmt", body: `fmt.Println(n)`, want: "uses fmt.Fprintln"},
	{name: "strconv", body: `n, _ = strconv.Atoi(s)`, want: "uses strconv."},
	{name: "in another package", dir: "internal/sys", body: `return len(append(b, s...))`, want: "sys.Mutant: uses runtime.growslice"},
	{name: "x/sys in another package", dir: "internal/sys", body: `unix.Close(n)`, want: "sys.Mutant: uses golang.org/x/sys/unix."},
	{name: "in state but not called", dir: "internal/state", uncalled: true, body: `return len(append(b, s...))`,
		want: "state.Mutant: uses runtime.growslice"},
}

// declared are the names that mutants declare.
const declared = `\b(mutant|Mutant|kept|other|grow|set)`

// numbered gives the names in a text the number of a mutant.
func numbered(text string, i int) string {
	return regexp.MustCompile(declared+`\b`).ReplaceAllString(text, fmt.Sprintf("${1}%d", i))
}

// ofMutant returns those violations that are of the mutant with number i.
func ofMutant(i int, violations []string) (found []string) {
	name := regexp.MustCompile(fmt.Sprintf(declared+`%d\b`, i))
	for _, v := range violations {
		if name.MatchString(v) {
			found = append(found, v)
		}
	}
	return found
}

// overlayMutants writes the mutants, and an entry_linux.go that calls them, to files. It
// returns a file for go build -overlay, which puts them in place of the real ones.
func overlayMutants(t *testing.T) string {
	const hook = "\tsys.Exit(cmd.Run())\n"
	original, err := os.ReadFile(probeDir + "entry_linux.go")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(original), hook) != 1 {
		t.Fatalf("entry_linux.go does not contain %q exactly once: call the mutants somewhere else", hook)
	}
	calls, texts := "", map[string]string{}
	for i, m := range mutants {
		pkg, dir, function, call := "main", probeDir, "mutant", "mutant"
		if m.dir != "" {
			pkg, dir, function = filepath.Base(m.dir), "../../"+m.dir+"/", "Mutant"
			call = pkg + ".Mutant"
		}
		texts[fmt.Sprintf("%smutant%d.go", dir, i)] = numbered("package "+pkg+"\n"+imports(m.body+m.decl)+m.decl+"\n"+
			"//go:noinline\nfunc "+function+"(n int, s string, b []byte) int { "+m.body+"\nreturn n }\n", i)
		if !m.uncalled {
			calls += numbered("\t"+call+"(int(argc), cmd.pending, buffer[:])\n", i)
		}
	}
	texts[probeDir+"entry_linux.go"] = strings.Replace(string(original), hook, calls+hook, 1) + "\nvar buffer [100]byte\n"

	tmp := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for path, text := range texts {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		overlay.Replace[path] = filepath.Join(tmp, filepath.Base(path))
		if err := os.WriteFile(overlay.Replace[path], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// imports returns the import declarations that code needs.
func imports(code string) (decl string) {
	for name, path := range map[string]string{"fmt": "fmt", "os": "os", "strconv": "strconv", "syscall": "syscall",
		"time": "time", "unix": "golang.org/x/sys/unix"} {
		if strings.Contains(code, name+".") {
			decl += "import \"" + path + "\"\n"
		}
	}
	return decl
}
