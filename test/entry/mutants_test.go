//go:build linux

package entry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDirectEntryRulesMutants breaks the rules of the direct entry one at a time, in
// a file that the compiler sees beside the real ones, and wants each found.
func TestDirectEntryRulesMutants(t *testing.T) {
	for _, goarch := range architectures {
		for _, p := range plants {
			t.Run(goarch+"/"+strings.ReplaceAll(p.name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				found := list(t, goarch, p.overlay(t)).violations()
				if p.want == "" && len(found) > 0 {
					t.Errorf("want nothing found, got:\n%s", strings.Join(found, "\n"))
				}
				all := strings.Join(found, "\n")
				if !strings.Contains(all, p.want) {
					t.Errorf("want %q found, got:\n%s", p.want, all)
				}
			})
		}
	}
}

// A plant is a few statements for the code behind the direct entry.
type plant struct {
	name   string
	body   string // of func planted(n int, s string, b []byte) int
	decl   string // beside it
	want   string // in what is found; "" if nothing is to be found
	inside string // the directory of another package that it is planted in
}

var plants = []plant{
	{name: "nothing", body: `return n`},
	{name: "nothing that is reached", body: `return n`, decl: `func other() *[]int { s := make([]int, os.Getpid()); return &s }`},
	{name: "new", body: `kept = new(int)`, decl: `var kept *int`, want: "runtime.newobject"},
	{name: "make", body: `return len(make([]byte, n))`, want: "runtime.makeslice"},
	{name: "variable that escapes", body: `var v [64]byte; kept = v[:]`, decl: `var kept []byte`, want: "runtime.newobject"},
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
	{name: "closure", body: `kept = func() int { return n }`, decl: `var kept func() int`, want: "runtime.newobject"},
	{name: "function value", body: `kept(n)`, decl: `var kept = grow; func grow(n int) { println(make([]int, n)) }`, want: "runtime.makeslice"},
	{name: "large stack frame", body: `var v [1 << 13]byte; cmd.Env(string(v[n&(1<<13-1):])[:1])`, want: "has a stack frame of"},
	{name: "println", body: `println(n)`, want: "runtime.printlock"},
	{name: "syscall", body: `n, _ = syscall.Open(s, 0, 0)`, want: "uses syscall."},
	{name: "x/sys", body: `n, _ = unix.Openat(n, s, 0, 0)`, want: "uses golang.org/x/sys/unix."},
	{name: "os", body: `b, _ = os.ReadFile(s); return len(b)`, want: "uses os.ReadFile"},
	{name: "time", body: `return time.Now().Nanosecond()`, want: "uses time."},
	{name: "fmt", body: `fmt.Println(n)`, want: "uses fmt.Fprintln"},
	{name: "strconv", body: `n, _ = strconv.Atoi(s)`, want: "uses strconv."},
	{name: "in another package", inside: "internal/state", body: `return len(append(b, s...))`, want: "state.Planted: uses runtime.growslice"},
	{name: "the writers' part of another package", inside: "internal/state", body: `Open(s)`, want: "state.Open"},
}

// overlay writes the plant to files and gives what -overlay wants: a list of
// paths in the source tree and of the files to take instead.
func (p plant) overlay(t *testing.T) string {
	pkg, file, call := "main", probeDir, "planted"
	if p.inside != "" {
		pkg, call = filepath.Base(p.inside), "Planted"
		file = "../../" + p.inside + "/"
	}
	source := "package " + pkg + "\n" + imports(p.body+p.decl) + p.decl + "\n" +
		"//go:noinline\nfunc " + call + "(n int, s string, b []byte) int { " + p.body + "\nreturn n }\n"

	const hook = "\tstatus := cmd.Run()\n"
	original, err := os.ReadFile(probeDir + "entry_linux.go")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(original), hook) != 1 {
		t.Fatalf("entry_linux.go does not hold %q once: plant somewhere else", hook)
	}
	if p.inside != "" {
		call = "state." + call
	}
	planted := strings.Replace(string(original), hook, "\t"+call+"(int(argc), version, cmd.host[:])\n"+hook, 1)

	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for path, text := range map[string]string{probeDir + "entry_linux.go": planted, file + "planted.go": source} {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		overlay.Replace[path] = filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(overlay.Replace[path], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// imports gives the import declarations that code needs.
func imports(code string) (decl string) {
	for name, path := range map[string]string{"fmt": "fmt", "os": "os", "strconv": "strconv", "syscall": "syscall",
		"time": "time", "unix": "golang.org/x/sys/unix"} {
		if strings.Contains(code, name+".") {
			decl += "import \"" + path + "\"\n"
		}
	}
	return decl
}
