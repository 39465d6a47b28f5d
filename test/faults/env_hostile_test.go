//go:build linux && amd64

package faults

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"golang.org/x/sys/unix"
)

// neighbour is what somebody put into, or in place of, the directory of a unit
// that a live process owns and whose last code was 0.
type neighbour struct {
	name    string
	put     func(w *world)
	says    string // by the probe; "": healthy
	blocked bool   // it stands in the way of load, which has to say so
}

// TestHostileNeighbours asks the probe, which must not block, and then uses the
// directory with healthctl, which either works or says in one line why not.
func TestHostileNeighbours(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "making devices and giving files away needs root")
	h := newHarness()
	var jobs []func()
	for _, n := range neighbours() {
		jobs = append(jobs, func() { n.meet(h) })
	}
	h.run(jobs)
	h.report(t)
}

func (n *neighbour) meet(h *harness) {
	w := h.newWorld()
	defer w.close()
	l := w.ownedBy("0")
	must(os.WriteFile(w.runDir+"/bystander", []byte("untouched\n"), 0o600))
	n.put(w)
	w.point()
	for _, flags := range [][]string{nil, {"-v"}, {"-max-age", "1h"}} {
		ok, line := w.healthy(flags...)
		if ok != (n.says == "") || !strings.Contains(line, n.says) {
			w.violated("%s, probe %v: healthy %v, %q, want %q", n.name, flags, ok, line, n.says)
		}
	}
	w.healthy("-live", "-strict")
	w.oneLine(n.name, w.ctlArgs("beat"))
	for _, set := range [][]string{{"3", "gone"}, {"0"}, {"3"}} {
		w.oneLine(n.name, w.ctlArgs("set", set...))
		if ok, _ := w.healthy(); ok && set[0] == "3" {
			w.violated("%s: healthy after set %v", n.name, set)
		}
	}
	l.end()
	next := w.life()
	loaded := w.oneLine(n.name, w.ctlArgs("load", "-pid", next.pidArg()))
	if loaded == n.blocked {
		w.violated("%s: the next load works: %v", n.name, loaded)
	}
	if ok, _ := w.healthy(); ok {
		w.violated("%s: healthy after load", n.name)
	}
	if loaded {
		w.expect(nil, "", w.ctlArgs("set", "0")...)
		w.expect(nil, "", w.probeArgs()...)
	}
	w.oneLine(n.name, w.ctlArgs("reset"))
	if b, _ := os.ReadFile(w.runDir + "/bystander"); string(b) != "untouched\n" {
		w.violated("%s: the file behind the link holds %q now", n.name, b)
	}
}

// oneLine runs a command that may fail, but then says why in one line.
func (w *world) oneLine(name string, argv []string) (worked bool) {
	o := w.command(argv...)
	if o.status == 0 && o.stderr == "" {
		return true
	}
	if o.status != 1 || strings.Count(o.stderr, "\n") != 1 || !strings.HasPrefix(o.stderr, "healthctl: ") {
		w.violated("%s: %s: status %d, %q", name, argv[1], o.status, o.stderr)
	}
	return false
}

// instead removes a state file and puts something else in its place.
func instead(file string, put func(path string) error) func(*world) {
	return func(w *world) {
		must(os.RemoveAll(w.path(file)))
		must(put(w.path(file)))
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

// fullFIFO is one from which a careless reader gets "0". It stays full as long
// as somebody has it open.
func fullFIFO(path string) error {
	if err := fifo(path); err != nil {
		return err
	}
	fd, err := unix.Open(path, unix.O_RDWR, 0) // closed with the test
	if err == nil {
		_, err = unix.Write(fd, []byte("0\n"))
	}
	return err
}

func device(major, minor uint32) func(string) error {
	return func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))) }
}

func directory(path string) error { return os.Mkdir(path, 0o755) }

// fullDirectory cannot be replaced by a file, nor removed as an empty one.
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
	// The path may be too long for an address: bind where the directory is.
	dir, err := os.Open(path[:strings.LastIndexByte(path, '/')])
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Bind(fd, &unix.SockaddrUnix{Name: procPath(dir) + path[strings.LastIndexByte(path, '/'):]})
}

// asOther gives a path to another user.
func asOther(path string) { must(unix.Chown(path, int(stranger.Uid), int(stranger.Gid))) }

func ownerOf(path string) (uid uint32) {
	info, err := os.Lstat(path)
	must(err)
	return info.Sys().(*syscall.Stat_t).Uid
}
