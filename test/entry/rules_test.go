//go:build linux

package entry

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// allowed lists what code behind the direct entry may use from outside the
// module, and why that is safe although the runtime never starts. Keep it short:
// nearly everything else allocates, panics, calls the scheduler or relies on an
// init function.
var allowed = map[string]string{
	"syscall.RawSyscall6": "goes straight to the kernel",
	"syscall.Errno.Error": "a text from a constant table. The caller passes only numbers that have one",
	"unicode/utf8.Valid":  "loops over its argument and a constant table",

	"runtime.memequal": "assembly; compares",
	"runtime.memmove":  "assembly; copies, by the plain way where it reads flags that the runtime sets at its start",
	"runtime.duffzero": "assembly; clears",
	"runtime.duffcopy": "assembly; copies",

	"runtime.morestack_noctxt": "the stack would have to grow: never, the limit in the stub's g is 0",
	"runtime.loong64HasLSX":    "a flag that the runtime sets at its start, if there are wider registers to copy with",
	"TLS":                      "the offset of g in thread-local storage, which the stubs for amd64 and 386 have set up",
}

// markers are relocations that refer to nothing at run time: they only inform
// the linker and the debugger.
var markers = []string{"R_USETYPE", "R_DWARFSECREF", "R_INITORDER", "R_KEEP"}

// enter is the first Go function behind the direct entry.
const enter = "main.enter"

// frameLimit is the largest stack frame of a function, in bytes: that of one that
// prints a line. Behind the direct entry nothing checks for a stack overflow, and the
// stack may be only 64 KB.
const frameLimit = 1536

// TestDirectEntryRules checks the compiled code against the rules that
// entry_linux.go lists. Running the probe would not do, because few runs show a
// broken rule: a map is silently empty, and a bounds check crashes only when it
// fails. So it follows every reference from enter. It cannot detect that a pointer
// is nil.
func TestDirectEntryRules(t *testing.T) {
	for _, arch := range testenv.Tested() {
		t.Run(arch.String(), func(t *testing.T) {
			t.Parallel()
			for _, v := range list(t, arch, "").violations(enter) {
				t.Error(v)
			}
		})
	}
}

// violations returns how the functions roots, and whatever they refer to, break
// the rules of the direct entry.
func (l listing) violations(roots ...string) []string {
	var found []string
	reached := l.walk(roots, func(from, format string, args ...any) {
		found = append(found, from+": "+fmt.Sprintf(format, args...))
	})
	for name, s := range l {
		if !isInit(name) || s.kind != "STEXT" {
			continue
		}
		for variable, from := range l.walk([]string{name}, func(string, string, ...any) {}) {
			if by := reached[variable]; by != "" && isVariable(l[variable].kind) {
				found = append(found, by+": uses "+variable+", which "+from+" initializes, and that never ran")
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// walk follows all references from the functions roots. It returns the symbols of
// the listing that it reached, each with the one that refers to it, and calls
// complain for each violation.
func (l listing) walk(roots []string, complain func(from, format string, args ...any)) map[string]string {
	reached := map[string]string{}
	for _, root := range roots {
		reached[root] = root
	}
	for todo := slices.Clone(roots); len(todo) > 0; todo = todo[1:] {
		name := todo[0]
		s := l[name]
		if s.frame > frameLimit {
			complain(name, "has a stack frame of %d bytes; at most %d", s.frame, frameLimit)
		}
		for _, u := range s.uses {
			if slices.Contains(markers, u.kind) {
				continue
			}
			from := name
			if u.source != "" {
				from = u.source + ": " + name
			}
			switch target := l[u.name]; {
			case strings.HasPrefix(u.name, "type:") || strings.HasPrefix(u.name, "go:itab."):
				// Needed to allocate or to fill an interface. Most are in the
				// listing, and their methods would lead everywhere.
				complain(from, "uses the type descriptor %s (%s)", u.name, u.kind)
			case target == nil && strings.HasPrefix(u.name, "go:string."): // text
			case target == nil && allowed[u.name] == "":
				complain(from, "uses %s (%s)", u.name, u.kind)
			case target != nil && reached[u.name] == "":
				reached[u.name] = from
				todo = append(todo, u.name)
			}
		}
	}
	return reached
}

// isInit reports whether a function of the listing runs before main: code for
// the initial values of variables (init), of maps (map.init.0), and the init
// functions of the source (init.0).
func isInit(name string) bool {
	name = name[strings.LastIndexByte(name, '/')+1:]
	_, name, _ = strings.Cut(name, ".")
	name = strings.TrimPrefix(name, "map.")
	return name == "init" || strings.HasPrefix(name, "init.")
}

func isVariable(kind string) bool {
	return kind != "STEXT" && kind != "SRODATA"
}

// TestAllowedIsNeeded keeps the list of what is allowed short.
func TestAllowedIsNeeded(t *testing.T) {
	needed := map[string]bool{}
	needsAll(t)
	for _, arch := range testenv.Archs {
		l := list(t, arch, "")
		for name := range l.walk([]string{enter}, func(string, string, ...any) {}) {
			for _, u := range l[name].uses {
				needed[u.name] = true
			}
		}
	}
	for name, why := range allowed {
		if !needed[name] {
			t.Errorf("nothing uses %s (%s) any more: remove it from the list", name, why)
		}
	}
}

// TestStateObeysTheRules checks all of the packages that are behind the direct entry
// as a whole, also what healthprobe does not call today. So there is one rule for
// whoever changes them, and a violation shows where it is written and not only once
// healthprobe calls it.
func TestStateObeysTheRules(t *testing.T) {
	for _, arch := range testenv.Tested() {
		t.Run(arch.String(), func(t *testing.T) {
			t.Parallel()
			l := list(t, arch, "")
			roots := stateRoots(l)
			for _, pkg := range wholePackages {
				if !slices.ContainsFunc(roots, func(name string) bool { return strings.HasPrefix(name, pkg) }) {
					t.Fatalf("the listing has no functions of %s: has the package moved?", pkg)
				}
			}
			for _, v := range l.violations(roots...) {
				t.Error(v)
			}
		})
	}
}

// wholePackages begin the names of their functions.
var wholePackages = []string{modulePath + "/internal/state.", modulePath + "/internal/sys.", modulePath + "/internal/text."}

// stateRoots returns the functions of wholePackages, sorted, with those that the
// compiler adds. init functions are left out: they never run behind the direct
// entry, and violations reports what relies on them.
func stateRoots(l listing) []string {
	var roots []string
	for name, s := range l {
		inOne := slices.ContainsFunc(wholePackages, func(pkg string) bool { return strings.HasPrefix(name, pkg) })
		if s.kind == "STEXT" && inOne && !isInit(name) {
			roots = append(roots, name)
		}
	}
	slices.Sort(roots)
	return roots
}
