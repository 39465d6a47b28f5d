package state

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
)

// Reader reads small files into the caller's buffers or its own, without allocating.
// It is not safe for concurrent use.
type Reader struct {
	KeepOpen bool // leave the closing of files to the kernel: for a process that exits at once

	path [40]byte // NUL-terminated; the longest is that of Stat: 37 bytes
	boot [64]byte
	stat [512]byte // reaches field 22 for any name: comm(64), numbers(20)
}

// Value returns the content of a state file, white space trimmed. buf must be a byte
// longer than the file may be: EFBIG means that the file filled it, and value is then
// its beginning. The error is ESPIPE for a FIFO, ELOOP for a symbolic link.
func (r *Reader) Value(dir int, name string, buf []byte) (value []byte, e syscall.Errno) {
	return r.read(dir, r.named(name), buf)
}

// Open opens a state file. It never blocks and follows no symbolic link.
func (r *Reader) Open(dir int, name string) (fd int, e syscall.Errno) {
	return sys.OpenAt(dir, r.named(name))
}

// ReadFrom is Value for an open file, which stays open.
func (r *Reader) ReadFrom(fd int, buf []byte) (value []byte, e syscall.Errno) {
	b, e := sys.ReadStart(fd, buf)
	if e == 0 && len(b) == len(buf) {
		e = syscall.EFBIG
	}
	return text.Trim(b), e
}

// Close closes fd, unless KeepOpen is set.
func (r *Reader) Close(fd int) {
	if !r.KeepOpen {
		sys.Close(fd)
	}
}

// ProcIsOf reports whether /proc belongs to the pid namespace in which this process
// has this pid. In another namespace the same number means another process.
func (r *Reader) ProcIsOf(pid int32) bool {
	line, e := r.Value(-1, "/proc/self/stat", r.stat[:])
	if e != 0 && e != syscall.EFBIG {
		return false
	}
	first, _ := cut(line)
	own, ok := ParseNumber(first)
	return ok && own == pid
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
