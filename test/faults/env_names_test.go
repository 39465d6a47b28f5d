//go:build linux && amd64

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// TestUnitNames takes unit names from somebody who means ill. A name that can be
// a directory works, whatever it holds; any other is refused before a file is
// touched. All messages stay one line.
func TestUnitNames(t *testing.T) {
	names := map[string]bool{
		"web": true, "a\nb": true, "a b": true, " ": true, "-v": true, "...": true, "%s%n": true, "$(id)": true,
		"\xff\xfe": true, "ünit": true, "a\x1b[31mb": true, strings.Repeat("a", 255): true, strings.Repeat("\xff", 255): true,
		"..": false, ".": false, "/": false, "a/b": false, "../web": false, "/etc": false,
		strings.Repeat("a", 256): false, strings.Repeat("ü", 128): false,
	}
	h := newHarness()
	h.run([]func(){func() {
		for name, works := range names {
			w := h.newWorld()
			w.unit = name
			l := w.life()
			steps := [][]string{
				w.ctlArgs("load", "-pid", l.pidArg()), w.ctlArgs("set", "0"), w.ctlArgs("beat"), w.probeArgs("-strict"),
				w.ctlArgs("set", "3", "gone"), w.ctlArgs("reset"),
			}
			if works {
				for _, argv := range steps {
					w.expect(nil, "", argv...)
				}
				w.expectText(1, name, w.probeArgs()...)
			} else {
				for _, argv := range steps {
					status := 1
					if argv[0] == w.ctl {
						status = 2 // wrong usage
					}
					w.expectText(status, name, argv...)
				}
				left, err := os.ReadDir(w.runDir)
				must(err)
				if len(left) != 0 {
					w.violated("the unit name %q was refused, but there is %v now", name, left)
				}
			}
			w.close()
		}
	}})
	h.report(t)
}

// expectText wants a failure with one line of text that is fit for a terminal.
func (w *world) expectText(status int, name string, argv ...string) {
	w.point()
	o := w.command(argv...)
	line, ended := strings.CutSuffix(o.stderr, "\n")
	fit := ended && line != "" && utf8.ValidString(line)
	for _, c := range line {
		fit = fit && c >= ' ' && c != 0x7f
	}
	if o.status != status || !fit {
		w.violated("unit %q: %s: status %d, %q", name, argv[1], o.status, o.stderr)
	}
}

// TestProcessNames gives the owner names that look like the rest of a line of
// /proc/<pid>/stat.
func TestProcessNames(t *testing.T) {
	program, err := os.ReadFile(testenv.LookPath(t, "sleep", "coreutils"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness()
	h.run([]func(){func() {
		for _, name := range []string{"a b c", "(", ")", "((()))", ") Z 1 1 1", "a) X (b", "a\nb) Z 0", "\n", "\xff) Z", "x) R 1 1 1 1 1 "} {
			w := h.newWorld()
			path := filepath.Join(w.runDir, name)
			must(os.WriteFile(path, program, 0o755))
			cmd := exec.Command(path)
			cmd.Args = []string{"sleep", "1000"}
			l := w.begin(cmd)
			w.expect(nil, "", w.ctlArgs("load", "-pid", l.pidArg())...)
			w.expect(nil, "", w.ctlArgs("set", "0")...)
			w.expect(nil, "", w.probeArgs("-strict")...)
			if held, _ := w.file("identity"); held != l.pidArg()+" "+l.start+" "+bootID()+"\n" {
				w.violated("process name %q: identity holds %q, want start time %s", name, held, l.start)
			}
			unix.Kill(l.pid, unix.SIGSTOP) // its state is T now: it lives
			w.expect(nil, "", w.probeArgs("-live")...)
			l.zombie()
			w.expect(nil, "a zombie", w.probeArgs()...)
			w.close()
		}
	}})
	h.report(t)
}
