package state

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
)

// Reader reads small files into the caller's buffers or its own, without
// allocating. It is not safe for concurrent use.
type Reader struct {
	// KeepOpen leaves the closing of files to the kernel: the probe exits at once,
	// and a system call saved there is one less in every probe of a pod's life.
	KeepOpen bool

	path [40]byte // NUL-terminated; the longest is that of Stat: 37 bytes
	boot [64]byte
	stat [512]byte // reaches field 22 whatever the process is called: comm(64), numbers(20)
}

// Value returns what a state file holds, white space trimmed. buf must be a byte
// longer than the file may be: EFBIG means that the file filled it, and value
// is then its beginning. The error for a FIFO is ESPIPE, for a symbolic link
// ELOOP.
func (r *Reader) Value(dir int, name string, buf []byte) (value []byte, e syscall.Errno) {
	return r.read(dir, r.named(name), buf)
}

// Open opens a state file. It never blocks and follows no symbolic link.
func (r *Reader) Open(dir int, name string) (fd int, e syscall.Errno) {
	return sys.OpenAt(dir, r.named(name))
}

// ReadFrom is Value for a file that is open already. It leaves it open.
func (r *Reader) ReadFrom(fd int, buf []byte) (value []byte, e syscall.Errno) {
	b, e := sys.ReadStart(fd, buf)
	if e == 0 && len(b) == len(buf) {
		e = syscall.EFBIG
	}
	return text.Trim(b), e
}

// Close closes fd, unless KeepOpen leaves it to the kernel.
func (r *Reader) Close(fd int) {
	if !r.KeepOpen {
		sys.Close(fd)
	}
}

// ProcIsOf reports whether /proc belongs to the pid namespace of this process,
// whose pid it is given. In another, the same number means another process.
func (r *Reader) ProcIsOf(pid int32) bool {
	line, e := r.read(-1, r.named("/proc/self/stat"), r.stat[:])
	first, _ := cut(line)
	own, ok := ParseNumber(first)
	return (e == 0 || e == syscall.EFBIG) && ok && own == pid
}

func (r *Reader) named(name string) *byte {
	text.PutByte(r.path[:], text.Put(r.path[:], 0, name), 0)
	return &r.path[0]
}

func (r *Reader) read(dir int, path *byte, buf []byte) (value []byte, e syscall.Errno) {
	fd, e := sys.OpenAt(dir, path)
	if e != 0 {
		return nil, e
	}
	value, e = r.ReadFrom(fd, buf)
	r.Close(fd)
	return value, e
}
