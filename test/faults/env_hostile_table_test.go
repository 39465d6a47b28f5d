//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

func procPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

const (
	noFile   = "is not a regular file"
	isLink   = "is a symbolic link"
	noDir    = "is not a directory"
	isDir    = "is a directory"
	tooLong  = "holds more than"
	bystands = "../bystander"
)

func neighbours() []neighbour {
	return []neighbour{
		{"error is a FIFO", instead("error", fifo), noFile, false},
		{"error is a FIFO that holds 0", instead("error", fullFIFO), noFile, false},
		{"pid is a FIFO", instead("pid", fifo), noFile, false},
		{"identity is a FIFO that holds 0", instead("identity", fullFIFO), noFile, false},
		{"error is a socket", instead("error", socket), noFile, false},
		{"error has 1 GB", instead("error", sparse("0\n")), tooLong, false},
		{"error has 1 GB of zeros", instead("error", sparse("")), tooLong, false},
		{"pid has 1 GB", instead("pid", sparse("1\n")), tooLong, false},
		{"identity has 1 GB", instead("identity", sparse("1 1 -\n")), tooLong, false},
		{"error is /dev/null", instead("error", device(1, 3)), "is empty", false},
		{"error is /dev/zero", instead("error", device(1, 5)), tooLong, false},
		{"error is a device that does not exist", instead("error", device(241, 77)), noFile, false},
		{"error is a directory", instead("error", directory), isDir, true},
		{"error is a directory with something in it", instead("error", fullDirectory), isDir, true},
		{"pid is a directory", instead("pid", directory), isDir, true},
		{"error is a link to a file", func(w *world) {
			must(os.WriteFile(w.runDir+"/zero", []byte("0\n"), 0o644))
			instead("error", linkTo("../zero"))(w)
		}, isLink, false},
		{"error is a link to another's file", instead("error", linkTo(bystands)), isLink, false},
		{"error is a dangling link", instead("error", linkTo("nowhere")), isLink, false},
		{"error is a circular link", instead("error", linkTo("error")), isLink, false},
		{"pid is a link", instead("pid", linkTo(bystands)), isLink, false},
		{"identity is a dangling link", instead("identity", linkTo("nowhere")), isLink, false},
		{"reason is a FIFO", instead("reason", fifo), "", false},
		{"reason is a directory", instead("reason", directory), "", true},
		{"temporary file is a FIFO", instead(".tmp", fifo), "", false},
		{"temporary file has 1 GB", instead(".tmp", sparse("0\n")), "", false},
		{"temporary file is a link to another's file", instead(".tmp", linkTo(bystands)), "", false},
		{"temporary file is a directory", instead(".tmp", directory), "", true},
		{"other files", func(w *world) {
			must(sparse("")(w.path("core")))
			must(fifo(w.path("control")))
			must(linkTo("loop")(w.path("loop")))
			must(fullDirectory(w.path("cache")))
		}, "", false},
		{"run directory is a link", func(w *world) {
			must(os.Symlink(w.runDir, w.runDir+"/link"))
			w.runDir += "/link"
		}, "", false},
		{"run directory is writable by everyone, and sticky", func(w *world) {
			must(unix.Chmod(w.runDir, 0o1777))
		}, "", false},
		{"run directory is another's", func(w *world) { asOther(w.runDir) }, "", false},
		{"unit directory is another's", func(w *world) {
			asOther(w.path())
			must(os.Chmod(w.path(), 0o775))
		}, "", false},
		{"unit directory is a link", replaced(func(w *world) error { return os.Symlink("web.old", w.path()) }), noDir, true},
		{"unit directory is a dangling link", replaced(func(w *world) error { return os.Symlink("nowhere", w.path()) }), noDir, true},
		{"unit directory is a circular link", replaced(func(w *world) error { return os.Symlink("web", w.path()) }), noDir, true},
		{"unit directory is a FIFO", replaced(func(w *world) error { return fifo(w.path()) }), noDir, true},
		{"unit directory is a file", replaced(func(w *world) error { return sparse("0\n")(w.path()) }), noDir, true},
		{"unit directory is a device", replaced(func(w *world) error { return device(1, 5)(w.path()) }), noDir, true},
	}
}

// replaced moves the unit directory to web.old before it puts something there.
func replaced(put func(*world) error) func(*world) {
	return func(w *world) {
		must(os.Rename(w.path(), w.path()+".old"))
		must(put(w))
	}
}

// TestReasonIsALine puts what somebody may have written into reason: the code
// counts, and the line stays one line.
func TestReasonIsALine(t *testing.T) {
	h := newHarness()
	h.run([]func(){func() {
		for _, held := range []string{
			"", "3", "3 ", "4 of another code\n", "3 upstream gone\n", "3 a\nunhealthy: web: error 4\n", "3 \x1b[2J\x00\x07\r\x9b1m",
			"3 " + strings.Repeat("long ", 80), "3 " + strings.Repeat("\xff", 500), "3 " + strings.Repeat("x", 1<<20), "\x00",
		} {
			w := h.newWorld()
			w.ownedBy("3")
			w.put("reason", held)
			for _, argv := range [][]string{w.probeArgs(), w.probeArgs("-v")} {
				w.expect(nil, "unhealthy: web: error 3", argv...)
				w.expectText(1, w.unit, argv...)
			}
			w.close()
		}
	}})
	h.report(t)
}

// TestFilesOfAnother sets as root in the directory of a user who drops
// privileges: he can still set himself.
func TestFilesOfAnother(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "giving files away needs root")
	h := newHarness()
	h.run([]func(){func() {
		w := h.newWorld()
		defer w.close()
		must(os.Mkdir(w.path(), 0o755))
		asOther(w.path())
		l := w.strangersLife()
		w.expect(nil, "", w.ctlArgs("load", "-pid", l.pidArg())...)
		w.expect(nil, "", w.ctlArgs("set", "7", "starting")...)
		files, err := filepath.Glob(w.path("*"))
		must(err)
		if len(files) != 4 {
			w.violated("want 4 files, not %v", files)
		}
		for _, file := range files {
			if uid := ownerOf(file); uid != stranger.Uid {
				w.violated("%s belongs to uid %d", file, uid)
			}
		}
		for _, argv := range [][]string{w.ctlArgs("set", "0"), w.ctlArgs("beat"), w.probeArgs(), w.ctlArgs("reset")} {
			w.expect(stranger, "", argv...)
		}
	}})
	h.report(t)
}
