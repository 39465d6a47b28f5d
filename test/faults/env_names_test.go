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

// TestUnitNames uses hostile unit names. Any name that a directory can have works.
// The programs reject all others before they touch a file. Every message remains
// one line.
func TestUnitNames(t *testing.T) {
	names := map[string]bool{
		"web": true, "a\nb": true, "a b": true, " ": true, "-v": true, "...": true, "%s%n": true, "$(id)": true,
		"\xff\xfe": true, "ünit": true, "a\x1b[31mb": true, strings.Repeat("a", 255): true, strings.Repeat("\xff", 255): true,
		"..": false, ".": false, "/": false, "a/b": false, "../web": false, "/etc": false,
		strings.Repeat("a", 256): false, strings.Repeat("ü", 128): false,
	}
	h := newHarness(t)
	h.run([]func(){func() {
		for name, works := range names {
			f := h.newFixture()
			f.unit = name
			p := f.startProcess()
			steps := [][]string{
				f.ctlArgs("load", "-pid", p.pidArg()), f.ctlArgs("set", "0"), f.ctlArgs("beat"), f.probeArgs("-strict"),
				f.ctlArgs("set", "3", "gone"), f.ctlArgs("reset"),
			}
			if works {
				for _, argv := range steps {
					f.expect(nil, "", argv...)
				}
				f.expectPrintable(1, name, f.probeArgs()...)
			} else {
				for _, argv := range steps {
					status := 1
					if argv[0] == f.ctl {
						status = 2 // wrong usage
					}
					f.expectPrintable(status, name, argv...)
				}
				left, err := os.ReadDir(f.runDir)
				must(err)
				if len(left) != 0 {
					f.violationf("the unit name %q was rejected, but now there is %v", name, left)
				}
			}
			f.close()
		}
	}})
	h.report(t)
}

// expectPrintable runs a command, which must fail with one line that a terminal can
// show.
func (f *fixture) expectPrintable(status int, name string, argv ...string) {
	f.countPoint()
	o := f.command(argv...)
	line, ended := strings.CutSuffix(o.stderr, "\n")
	fit := ended && line != "" && utf8.ValidString(line)
	for _, c := range line {
		fit = fit && c >= ' ' && c != 0x7f
	}
	if o.status != status || !fit {
		f.violationf("unit %q: %s: status %d, %q", name, argv[1], o.status, o.stderr)
	}
}

// TestProcessNames runs owners whose names look like the remaining fields of
// /proc/<pid>/stat.
func TestProcessNames(t *testing.T) {
	program, err := os.ReadFile(testenv.LookPath(t, "sleep", "coreutils"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t)
	h.run([]func(){func() {
		for _, name := range []string{"a b c", "(", ")", "((()))", ") Z 1 1 1", "a) X (b", "a\nb) Z 0", "\n", "\xff) Z", "x) R 1 1 1 1 1 "} {
			f := h.newFixture()
			path := filepath.Join(f.runDir, name)
			must(os.WriteFile(path, program, 0o755))
			cmd := exec.Command(path)
			cmd.Args = []string{"sleep", "1000"}
			p := f.start(cmd)
			f.expect(nil, "", f.ctlArgs("load", "-pid", p.pidArg())...)
			f.expect(nil, "", f.ctlArgs("set", "0")...)
			f.expect(nil, "", f.probeArgs("-strict")...)
			if held, _ := f.readFile("identity"); held != p.pidArg()+" "+p.start+" "+bootID()+"\n" {
				f.violationf("process name %q: identity holds %q, want start time %s", name, held, p.start)
			}
			unix.Kill(p.pid, unix.SIGSTOP) // state T: stopped, but alive
			f.expect(nil, "", f.probeArgs("-live")...)
			p.makeZombie()
			f.expect(nil, "a zombie", f.probeArgs()...)
			f.close()
		}
	}})
	h.report(t)
}
