package state

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
)

// BootIDPath is the file with Linux's id of this boot: see random(4).
const BootIDPath = "/proc/sys/kernel/random/boot_id"

// statPath is the file with the boot's time, in seconds: see proc(5).
const statPath = "/proc/stat"

// Where there is no boot id, the boot's time stands in for it. gVisor had no boot id
// until the end of 2023, and each of its sandboxes counts clock ticks from 0: two that
// start within the same second would look the same. So in gVisor the change time of
// gVisorTimePath adds nanoseconds. That file system is mounted when a sandbox starts,
// for all its containers, and the time never changes afterwards, whoever opens
// terminals or changes the directory's mode or owner.
//
// Elsewhere the time may belong to one of several containers that share a pid
// namespace, or may change, so it is not used there. GVisorPath exists in gVisor alone.
const (
	GVisorPath     = "/proc/sentry-meminfo"
	gVisorTimePath = "/dev/pts"
)

const (
	bootTimeKind   = "btime"
	bootTimePrefix = bootTimeKind + "-"
)

// BootID reads the id of this boot of the machine; it points into r. Where there is
// none, as in some sandboxes, it returns "btime-" and the boot's time in seconds,
// followed in gVisor by "-" and nanoseconds. The error is ENOENT where there is no
// /proc, or no Linux.
func (r *Reader) BootID() (id []byte, e syscall.Errno) {
	id, e = r.bootIDFile()
	if e == syscall.ENOENT {
		return r.bootTime(statPath, GVisorPath, gVisorTimePath)
	}
	return id, e
}

// bootLike reads the same kind of id as recorded. A process that can read boot_id may
// have to verify an id recorded by one that could not.
func (r *Reader) bootLike(recorded []byte) (id []byte, e syscall.Errno) {
	if _, _, ok := parseBootTime(recorded); ok {
		return r.bootTime(statPath, GVisorPath, gVisorTimePath)
	}
	return r.bootIDFile()
}

func (r *Reader) bootIDFile() (id []byte, e syscall.Errno) {
	return r.Value(-1, BootIDPath, r.boot[:])
}

// sameBoot reports whether two ids mean the same boot. A process in a chroot may have
// found no nanoseconds; then the seconds decide.
func sameBoot(a, b []byte) bool {
	if text.String(a) == text.String(b) {
		return true
	}
	seconds, nsec, ok := parseBootTime(a)
	otherSeconds, otherNsec, otherOK := parseBootTime(b)
	return ok && otherOK && text.String(seconds) == text.String(otherSeconds) && (nsec == nil || otherNsec == nil)
}

// parseBootTime reads "btime-<seconds>" or "btime-<seconds>-<nanoseconds>". nsec is nil
// for the first.
func parseBootTime(id []byte) (seconds, nsec []byte, ok bool) {
	kind, times := cutAt(id, '-')
	seconds, nsec = cutAt(times, '-')
	ok = text.String(kind) == bootTimeKind && isDigits(seconds)
	if nsec != nil {
		n, canonical := ParseNumber(nsec)
		ok = ok && canonical && 0 < n && n < 1e9
	}
	return seconds, nsec, ok
}

// bootTime finds the btime line of stat, which follows lines of any length. marker
// and dir are sandboxTime's.
func (r *Reader) bootTime(stat, marker, dir string) (id []byte, e syscall.Errno) {
	fd, e := sys.OpenAt(-1, r.named(stat))
	if e != 0 {
		return nil, e
	}
	s := bootTimeScanner{n: text.Put(r.boot[:], 0, bootTimePrefix)}
	for !s.done {
		b, err := sys.ReadNext(fd, r.stat[:])
		if e = err; e != 0 || len(b) == 0 {
			break
		}
		s.scan(b, r.boot[:])
	}
	r.Close(fd)
	if e == 0 && !s.done {
		e = syscall.ENOENT
	}
	if e != 0 {
		return nil, e
	}
	nsec, e := r.sandboxTime(marker, dir)
	if nsec > 0 {
		s.n = text.Put(r.boot[:], s.n, "-")
		s.n = text.PutNumber(r.boot[:], s.n, nsec)
	}
	return text.Prefix(r.boot[:], s.n), e
}

// sandboxTime returns the nanoseconds of a directory's change time if the file marker
// exists. It returns 0 if there is no marker or no directory, or neither is visible to
// this user or below this root directory.
func (r *Reader) sandboxTime(marker, dir string) (nsec int64, e syscall.Errno) {
	fd, e := sys.OpenAt(-1, r.named(marker))
	if e == 0 {
		sys.Close(fd) // or with a limit of 9 descriptors none would be left for error
		fd, e = sys.OpenDir(r.named(dir))
	}
	switch e {
	case 0:
		changed, e := sys.ChangeTime(fd)
		sys.Close(fd)
		return changed.Nsec, e
	case syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES:
		return 0, 0
	}
	return 0, e
}

// bootTimeScanner copies the number of the btime line, which may be split between two
// calls of scan at any byte.
type bootTimeScanner struct {
	matched int // how much of "\nbtime "
	n       int // the number of bytes in dst
	done    bool
}

func (s *bootTimeScanner) scan(b, dst []byte) {
	const line = "\nbtime "
	for _, c := range b {
		switch i := uint(s.matched); {
		case s.done:
			return
		case i >= uint(len(line)) && '0' <= c && c <= '9':
			s.n = text.PutByte(dst, s.n, c)
		case i >= uint(len(line)):
			s.done = true
		case c == line[i]:
			s.matched++
		case c == '\n':
			s.matched = 1
		default:
			s.matched = 0
		}
	}
}
