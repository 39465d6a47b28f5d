//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"

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
