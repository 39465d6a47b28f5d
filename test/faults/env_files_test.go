//go:build linux && amd64

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestReasonStaysOneLine writes arbitrary content into reason. The code decides, and
// the probe still prints one line.
func TestReasonStaysOneLine(t *testing.T) {
	h := newHarness(t)
	h.run([]func(){func() {
		for _, held := range []string{
			"", "3", "3 ", "4 of another code\n", "3 upstream gone\n", "3 a\nunhealthy: web: error 4\n", "3 \x1b[2J\x00\x07\r\x9b1m",
			"3 " + strings.Repeat("long ", 80), "3 " + strings.Repeat("\xff", 500), "3 " + strings.Repeat("x", 1<<20), "\x00",
		} {
			f := h.newFixture()
			f.recordOwner("3")
			f.writeFile("reason", held)
			for _, argv := range [][]string{f.probeArgs(), f.probeArgs("-v")} {
				f.expect(nil, "unhealthy: web: error 3", argv...)
				f.expectPrintable(1, f.unit, argv...)
			}
			f.close()
		}
	}})
	h.report(t)
}

// TestFileOwnership loads and sets as root in the directory of a user, like a
// process before it drops privileges. Afterwards that user must be able to set.
func TestFileOwnership(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "chown needs root")
	h := newHarness(t)
	h.run([]func(){func() {
		f := h.newFixture()
		defer f.close()
		must(os.Mkdir(f.path(), 0o755))
		chownToNobody(f.path())
		p := f.startAsNobody()
		f.expect(nil, "", f.ctlArgs("load", "-pid", p.pidArg())...)
		f.expect(nil, "", f.ctlArgs("set", "7", "starting")...)
		files, err := filepath.Glob(f.path("*"))
		must(err)
		if len(files) != 5 {
			f.violationf("want 5 files, not %v", files)
		}
		for _, file := range files {
			if uid := ownerOf(file); uid != nobody.Uid {
				f.violationf("%s belongs to uid %d", file, uid)
			}
		}
		for _, argv := range [][]string{f.ctlArgs("set", "0"), f.ctlArgs("beat"), f.probeArgs(), f.ctlArgs("reset")} {
			f.expect(nobody, "", argv...)
		}
	}})
	h.report(t)
}

func ownerOf(path string) (uid uint32) {
	info, err := os.Lstat(path)
	must(err)
	return info.Sys().(*syscall.Stat_t).Uid
}
