package state

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
)

// BootIDPath is where Linux keeps an id that is new at each boot; see random(4).
const BootIDPath = "/proc/sys/kernel/random/boot_id"

// statPath has the boot's time, in seconds; see proc(5).
const statPath = "/proc/stat"

// Where there is no boot id, the boot's time takes its place. In seconds it does
// not tell two sandboxes of gVisor apart that start within one, and those count
// their clock ticks from 0. gVisor had no boot id until the end of 2023, so there
// the change time of gVisorTimePath adds nanoseconds. That file system is mounted
// when a sandbox starts, for all its containers, and nothing changes the time
// later, whoever opens terminals or changes the directory's mode or owner.
//
// Only there: elsewhere the time may belong to one container of several that share
// a pid namespace, or change. gVisorPath is a file that only gVisor has.
const (
	gVisorPath     = "/proc/sentry-meminfo"
	gVisorTimePath = "/dev/pts"
)

const (
	bootTimeKind   = "btime"
	bootTimePrefix = bootTimeKind + "-"
)

// BootID reads the id of this boot of the machine; it points into r. Where there
// is none, as in some sandboxes, the boot's time takes its place: "btime-" and the
// seconds and, in gVisor, "-" and nanoseconds. The error is ENOENT where there is
// no /proc, or no Linux.
func (r *Reader) BootID() (id []byte, e syscall.Errno) {
	id, e = r.bootIDFile()
	if e == syscall.ENOENT {
		return r.bootTime(statPath, gVisorPath, gVisorTimePath)
	}
	return id, e
}

// bootLike reads the same kind of id as recorded: a process that can read boot_id
// may have to verify what one that could not recorded.
func (r *Reader) bootLike(recorded []byte) (id []byte, e syscall.Errno) {
	if _, _, ok := parseBootTime(recorded); ok {
		return r.bootTime(statPath, gVisorPath, gVisorTimePath)
	}
	return r.bootIDFile()
}

func (r *Reader) bootIDFile() (id []byte, e syscall.Errno) {
	return r.Value(-1, BootIDPath, r.boot[:])
}

// sameBoot reports whether two ids mean the same boot. A process in a chroot may
// have seen no nanoseconds: then the seconds decide.
func sameBoot(a, b []byte) bool {
	if text.Same(text.String(a), text.String(b)) {
		return true
	}
	seconds, nsec, ok := parseBootTime(a)
	otherSeconds, otherNsec, otherOK := parseBootTime(b)
	return ok && otherOK && text.String(seconds) == text.String(otherSeconds) && (nsec == nil || otherNsec == nil)
}

// parseBootTime reads "btime-<seconds>" or "btime-<seconds>-<nanoseconds>"; nsec is
// nil if there are none.
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

// bootTime finds the btime line of stat, which is behind lines of any length.
// marker and dir are those of sandboxTime.
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

// sandboxTime returns the nanoseconds of a directory's change time, where the file
// marker exists; 0 if there are none, or if this user or this root directory
// cannot see either.
func (r *Reader) sandboxTime(marker, dir string) (nsec int64, e syscall.Errno) {
	fd, e := sys.OpenAt(-1, r.named(marker))
	if e == 0 {
		sys.Close(fd) // with a limit of 9 descriptors there would be none left for error
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

// bootTimeScanner copies the number of the btime line, which may be cut anywhere
// between two calls of scan.
type bootTimeScanner struct {
	matched int // of "\nbtime "
	n       int // the bytes in dst
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
