//go:build linux

package entry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// architectures have a direct entry.
var architectures = []string{"amd64", "arm64"}

// allowed is what code behind the direct entry may use from outside the module,
// and why that is safe before the runtime has started. Keep it short: what is
// not here allocates, panics, schedules, or relies on what init functions do.
var allowed = map[string]string{
	"syscall.RawSyscall6": "goes straight to the kernel",
	"syscall.Syscall6":    "enters the scheduler, but see onlyFrom: it is not called where NoRuntime is set",
	"syscall.Errno.Error": "a text from a constant table; the caller keeps to numbers that have one",
	"unicode/utf8.Valid":  "loops over its argument and a constant table",
	"runtime.memequal":    "assembly; compares",

	"runtime.morestack_noctxt": "the stack would have to grow: never, the limit in the stub's g is 0",
	"runtime.writeBarrier":     "a flag: the garbage collector is marking. False, it never runs",
	"runtime.gcWriteBarrier1":  "called if that flag is set",
	"runtime.gcWriteBarrier2":  "called if that flag is set",
	"TLS":                      "the offset of g from FS, which the stub for amd64 has set up",
}

// onlyFrom is who alone may use what is allowed.
var onlyFrom = map[string]string{
	"syscall.Syscall6": "github.com/healthprobe/healthprobe/internal/state.call",
}

// markers are relocations that refer to nothing at run time: they tell the
// linker and the debugger what code is about.
var markers = []string{"R_USETYPE", "R_DWARFSECREF", "R_INITORDER", "R_KEEP"}

// frameLimit is the most bytes of stack for one function. Nothing checks the
// depth of the stack behind the direct entry, and it may be 64 KB.
const frameLimit = 1024

// TestDirectEntryRules holds the compiled code against the rules that
// entry_linux.go lists, since a broken one shows in few runs: a map is silently
// empty, a failed bounds check crashes only when it fails. It follows every
// reference from enter. It cannot see that a pointer is nil.
func TestDirectEntryRules(t *testing.T) {
	for _, goarch := range architectures {
		t.Run(goarch, func(t *testing.T) {
			t.Parallel()
			for _, v := range list(t, goarch, "").violations() {
				t.Error(v)
			}
		})
	}
}

// violations lists what the code behind the direct entry does against the rules.
func (l listing) violations() []string {
	var found []string
	reached := l.walk("main.enter", func(from, format string, args ...any) {
		found = append(found, from+": "+fmt.Sprintf(format, args...))
	})
	for name, s := range l {
		if !isInit(name) || s.kind != "STEXT" {
			continue
		}
		for variable, from := range l.walk(name, func(string, string, ...any) {}) {
			if by := reached[variable]; by != "" && isVariable(l[variable].kind) {
				found = append(found, by+": uses "+variable+", which "+from+" initializes, and that never ran")
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// walk goes from a function to all that it refers to, and says by whom each
// symbol of the listing was reached first.
func (l listing) walk(start string, complain func(from, format string, args ...any)) map[string]string {
	reached := map[string]string{start: start}
	for todo := []string{start}; len(todo) > 0; todo = todo[1:] {
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
			case target == nil && (allowed[u.name] == "" || onlyFrom[u.name] != "" && onlyFrom[u.name] != name):
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

// TestAllowedIsNeeded keeps the list short.
func TestAllowedIsNeeded(t *testing.T) {
	needed := map[string]bool{}
	for _, goarch := range architectures {
		l := list(t, goarch, "")
		for name := range l.walk("main.enter", func(string, string, ...any) {}) {
			for _, u := range l[name].uses {
				needed[u.name] = true
			}
		}
	}
	for name, why := range allowed {
		if !needed[name] {
			t.Errorf("nothing uses %s (%s) any more: take it off the list", name, why)
		}
	}
}
