//go:build linux

package entry

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// listing is what the compiler prints with -S about all packages of this module
// that healthprobe needs: every symbol that it emits, by name.
type listing map[string]*symbol

type symbol struct {
	kind  string // STEXT is code, SRODATA read-only data, S*DATA and S*BSS variables
	frame int    // code only: bytes of stack
	uses  []use
}

// use is a relocation: a reference from a symbol to another.
type use struct {
	source string // code only: file and line
	kind   string // R_CALL, R_PCREL, R_ADDR ...
	name   string
}

// The lines of the listing that matter, as cmd/internal/obj prints them:
//
//	main.split STEXT nosplit size=74 args=0x10 locals=0x8 funcid=0x0
//		0x0000 00000 (/src/command.go:208)	TEXT	main.split(SB), ...
//		rel 27+4 t=R_CALL main.enter+0
var (
	symbolForm = regexp.MustCompile(`^(.*?) (S[A-Z]*(?:TEXT|DATA|BSS)|SDWARF[A-Z]+)(?: .*)?$`)
	frameForm  = regexp.MustCompile(` locals=0x([0-9a-f]+)`)
	lineForm   = regexp.MustCompile(`^\t0x[0-9a-f]+ (\d+) \((.*)\)\t`)
	useForm    = regexp.MustCompile(`^\trel (\d+)\+-?\d+ t=(\S+) (.*)\+-?[0-9a-f]+$`)
)

// How build.sh compiles the direct entry.
const (
	directTag   = "healthprobe_direct"
	directFlags = "-wb=false"
)

// list compiles healthprobe for an architecture, as build.sh does, and returns the
// listing. overlay is a file for go build -overlay, or "". The go command caches
// listings, so only packages that have changed are compiled.
func list(t *testing.T, arch testenv.Arch, overlay string) listing {
	t.Helper()
	trackSources(t)
	args := []string{"list", "-export", "-trimpath", "-tags=" + directTag, "-gcflags=" + modulePath + "/...=" + directFlags + " -S"}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.Command("go", append(args, probePackage)...)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux"), arch.Env()...)
	var errors strings.Builder
	cmd.Stderr = &errors
	if _, err := cmd.Output(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, errors.String())
	}
	l := readListing(t, errors.String())
	for _, name := range []string{enter, modulePath + "/internal/verdict.(*Probe).Run"} {
		if l[name] == nil || len(l[name].uses) == 0 {
			t.Fatalf("the listing for %s has no code for %s: has the format of listings changed?", arch, name)
		}
	}
	return l
}

const (
	modulePath   = "github.com/healthprobe/healthprobe"
	probePackage = modulePath + "/cmd/healthprobe"
	probeDir     = "../../cmd/healthprobe/"
)

// readListing parses what the compiler printed.
func readListing(t *testing.T, text string) listing {
	l := listing{}
	var s *symbol
	var code []instruction
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		switch {
		case strings.HasPrefix(text, "\trel "):
			m := useForm.FindStringSubmatch(text)
			if m == nil || s == nil {
				t.Fatalf("cannot read %q in the listing", text)
			}
			s.uses = append(s.uses, use{sourceOf(code, number(m[1], 10)), m[2], m[3]})
		case strings.HasPrefix(text, "\t"):
			if m := lineForm.FindStringSubmatch(text); m != nil {
				code = append(code, instruction{number(m[1], 10), m[2]})
			}
		default:
			s, code = nil, nil
			m := symbolForm.FindStringSubmatch(text)
			if m == nil { // the name of a package
				continue
			}
			// A function that assembly calls has a second symbol of the same
			// name, its ABI wrapper. Treat the two as one.
			if s = l[m[1]]; s == nil {
				s = &symbol{kind: m[2]}
				l[m[1]] = s
			}
			if f := frameForm.FindStringSubmatch(text); f != nil {
				s.frame = max(s.frame, number(f[1], 16))
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return l
}

func number(digits string, base int) int {
	n, _ := strconv.ParseInt(digits, base, 64) // the regexps match only digits
	return int(n)
}

// instruction is where an instruction is: the offset in its function, and the
// file and line.
type instruction struct {
	offset int
	source string
}

// sourceOf returns the file and line of the instruction at an offset.
func sourceOf(code []instruction, offset int) string {
	source := ""
	for _, i := range code {
		if i.offset <= offset {
			source = filepath.Base(i.source)
		}
	}
	return source
}
