//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// hostileDir is a change that somebody makes to the directory of a healthy unit, or
// to a file in it.
type hostileDir struct {
	name    string
	change  func(f *fixture)
	want    string // in the line of the probe; "": healthy
	blocked bool   // load cannot replace it, and must fail
}

// TestHostileDirectory runs the probe, which must not block, and then healthctl,
// which either works or explains in one line why not.
func TestHostileDirectory(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "making devices and giving files away needs root")
	h := newHarness(t)
	var jobs []func()
	for _, d := range hostileDirs() {
		jobs = append(jobs, func() { d.run(h) })
	}
	h.run(jobs)
	h.report(t)
}

func (d *hostileDir) run(h *harness) {
	f := h.newFixture()
	defer f.close()
	p := f.recordOwner("0")
	must(os.WriteFile(f.runDir+"/bystander", []byte("untouched\n"), 0o600))
	d.change(f)
	f.countPoint()
	for _, flags := range [][]string{nil, {"-v"}, {"-max-age", "1h"}} {
		ok, line := f.healthy(flags...)
		if ok != (d.want == "") || !strings.Contains(line, d.want) {
			f.violationf("%s, probe %v: healthy %v, %q, want %q", d.name, flags, ok, line, d.want)
		}
	}
	f.healthy("-live", "-strict")
	f.succeeds(d.name, f.ctlArgs("beat"))
	for _, set := range [][]string{{"3", "gone"}, {"0"}, {"3"}} {
		f.succeeds(d.name, f.ctlArgs("set", set...))
		if ok, _ := f.healthy(); ok && set[0] == "3" {
			f.violationf("%s: healthy after set %v", d.name, set)
		}
	}
	p.kill()
	next := f.startProcess()
	loaded := f.succeeds(d.name, f.ctlArgs("load", "-pid", next.pidArg()))
	if loaded == d.blocked {
		f.violationf("%s: the next load succeeds: %v", d.name, loaded)
	}
	if ok, _ := f.healthy(); ok {
		f.violationf("%s: healthy after load", d.name)
	}
	if loaded {
		f.expect(nil, "", f.ctlArgs("set", "0")...)
		f.expect(nil, "", f.probeArgs()...)
	}
	f.succeeds(d.name, f.ctlArgs("reset"))
	if b, _ := os.ReadFile(f.runDir + "/bystander"); string(b) != "untouched\n" {
		f.violationf("%s: the target of the link holds %q now", d.name, b)
	}
}

// succeeds runs a command and reports whether it succeeds. If not, it must explain
// why in one line.
func (f *fixture) succeeds(name string, argv []string) (succeeded bool) {
	o := f.command(argv...)
	if o.status == 0 && o.stderr == "" {
		return true
	}
	if o.status != 1 || strings.Count(o.stderr, "\n") != 1 || !strings.HasPrefix(o.stderr, "healthctl: ") {
		f.violationf("%s: %s: status %d, %q", name, argv[1], o.status, o.stderr)
	}
	return false
}

// instead replaces a state file by what put makes.
func instead(file string, put func(path string) error) func(*fixture) {
	return func(f *fixture) {
		must(os.RemoveAll(f.path(file)))
		must(put(f.path(file)))
	}
}

// sparse makes a file of 1 GB that begins with text.
func sparse(text string) func(string) error {
	return func(path string) error {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
		return os.Truncate(path, 1<<30)
	}
}

func fifo(path string) error { return unix.Mkfifo(path, 0o644) }

// fullFIFO makes a FIFO from which a careless reader reads "0". It keeps its content
// as long as it is open.
func fullFIFO(path string) error {
	if err := fifo(path); err != nil {
		return err
	}
	fd, err := unix.Open(path, unix.O_RDWR, 0) // stays open until the test ends
	if err == nil {
		_, err = unix.Write(fd, []byte("0\n"))
	}
	return err
}

func device(major, minor uint32) func(string) error {
	return func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))) }
}

func directory(path string) error { return os.Mkdir(path, 0o755) }

// fullDirectory makes a directory that neither rename nor rmdir can remove.
func fullDirectory(path string) error { return os.MkdirAll(path+"/0", 0o755) }

func linkTo(target string) func(string) error {
	return func(path string) error { return os.Symlink(target, path) }
}

func socket(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// The path may be too long for a socket address, so go through the directory.
	dir, err := os.Open(path[:strings.LastIndexByte(path, '/')])
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Bind(fd, &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d", dir.Fd()) + path[strings.LastIndexByte(path, '/'):]})
}

// chownToNobody makes user nobody the owner of a path.
func chownToNobody(path string) { must(unix.Chown(path, int(nobody.Uid), int(nobody.Gid))) }

const (
	noFile    = "is not a regular file"
	isLink    = "is a symbolic link"
	noDir     = "must be a directory"
	isDir     = "is a directory"
	tooLong   = "holds more than"
	bystander = "../bystander"
)

func hostileDirs() []hostileDir {
	return []hostileDir{
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
		{"error is a directory that is not empty", instead("error", fullDirectory), isDir, true},
		{"pid is a directory", instead("pid", directory), isDir, true},
		{"error is a link to a file", func(f *fixture) {
			must(os.WriteFile(f.runDir+"/zero", []byte("0\n"), 0o644))
			instead("error", linkTo("../zero"))(f)
		}, isLink, false},
		{"error is a link to an unrelated file", instead("error", linkTo(bystander)), isLink, false},
		{"error is a dangling link", instead("error", linkTo("nowhere")), isLink, false},
		{"error is a circular link", instead("error", linkTo("error")), isLink, false},
		{"pid is a link", instead("pid", linkTo(bystander)), isLink, false},
		{"identity is a dangling link", instead("identity", linkTo("nowhere")), isLink, false},
		{"reason is a FIFO", instead("reason", fifo), "", false},
		{"reason is a directory", instead("reason", directory), "", true},
		{"temporary file is a FIFO", instead(".tmp", fifo), "", false},
		{"temporary file has 1 GB", instead(".tmp", sparse("0\n")), "", false},
		{"temporary file is a link to an unrelated file", instead(".tmp", linkTo(bystander)), "", false},
		{"temporary file is a directory", instead(".tmp", directory), "", true},
		{"other files", func(f *fixture) {
			must(sparse("")(f.path("core")))
			must(fifo(f.path("control")))
			must(linkTo("loop")(f.path("loop")))
			must(fullDirectory(f.path("cache")))
		}, "", false},
		{"run directory is a link", func(f *fixture) {
			must(os.Symlink(f.runDir, f.runDir+"/link"))
			f.runDir += "/link"
		}, "", false},
		{"run directory is writable by everyone, and sticky", func(f *fixture) {
			must(unix.Chmod(f.runDir, 0o1777))
		}, "", false},
		{"run directory of another user", func(f *fixture) { chownToNobody(f.runDir) }, "", false},
		{"unit directory of another user", func(f *fixture) {
			chownToNobody(f.path())
			must(os.Chmod(f.path(), 0o775))
		}, "", false},
		{"unit directory is a link", replaced(func(f *fixture) error { return os.Symlink("web.old", f.path()) }), noDir, true},
		{"unit directory is a dangling link", replaced(func(f *fixture) error { return os.Symlink("nowhere", f.path()) }), noDir, true},
		{"unit directory is a circular link", replaced(func(f *fixture) error { return os.Symlink("web", f.path()) }), noDir, true},
		{"unit directory is a FIFO", replaced(func(f *fixture) error { return fifo(f.path()) }), noDir, true},
		{"unit directory is a file", replaced(func(f *fixture) error { return sparse("0\n")(f.path()) }), noDir, true},
		{"unit directory is a device", replaced(func(f *fixture) error { return device(1, 5)(f.path()) }), noDir, true},
	}
}

// replaced renames the unit directory to web.old before put makes another one.
func replaced(put func(*fixture) error) func(*fixture) {
	return func(f *fixture) {
		must(os.Rename(f.path(), f.path()+".old"))
		must(put(f))
	}
}

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
			must(testenv.WriteProgram(path, program))
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
