//go:build linux && amd64

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is one file-system call of a traced program, before or after the kernel
// has carried it out.
type call struct {
	n       int    // 1, 2, ..., counted over all threads
	name    string // of the system call
	path    string // its operand; the new name for a rename
	fd      int    // its operand if that is a descriptor, else -1
	unlocks bool   // it is a flock that releases the lock
	changes bool   // it may change the file system
	after   bool   // the kernel has carried it out and returned result
	result  int64
	mark    string // not a system call, but a mark that the program sets, or "replaced" after execve
}

func (c call) String() string {
	when := "before"
	if c.after {
		when = "after"
	}
	if c.mark != "" {
		return "at the mark " + c.mark
	}
	return fmt.Sprintf("%s call %d, %s %s", when, c.n, c.name, c.path)
}

// signature holds the indexes of the arguments that name a system call's operand,
// or -1.
type signature struct {
	name          string
	dir, path, fd int
	changes       bool
}

func byPath(name string, path int, changes bool) signature {
	return signature{name, -1, path, -1, changes}
}
func byFD(name string, changes bool) signature { return signature{name, -1, -1, 0, changes} }
func byDir(name string, dir int, changes bool) signature {
	return signature{name, dir, dir + 1, -1, changes}
}

// fileCalls maps the system calls that read or change files or processes, by
// their numbers on amd64. It includes calls that the programs do not make today,
// so that the tests notice if they start to.
var fileCalls = map[uint64]signature{
	unix.SYS_OPEN: byPath("open", 0, true), unix.SYS_OPENAT: byDir("openat", 0, false), unix.SYS_OPENAT2: byDir("openat2", 0, true),
	unix.SYS_CREAT: byPath("creat", 0, true), unix.SYS_CLOSE: byFD("close", false),
	unix.SYS_READ: byFD("read", false), unix.SYS_PREAD64: byFD("pread64", false), unix.SYS_GETDENTS64: byFD("getdents64", false),
	unix.SYS_WRITE: byFD("write", true), unix.SYS_PWRITE64: byFD("pwrite64", true), unix.SYS_WRITEV: byFD("writev", true),
	unix.SYS_STAT: byPath("stat", 0, false), unix.SYS_LSTAT: byPath("lstat", 0, false), unix.SYS_FSTAT: byFD("fstat", false),
	unix.SYS_NEWFSTATAT: byDir("newfstatat", 0, false), unix.SYS_STATX: byDir("statx", 0, false),
	unix.SYS_READLINK: byPath("readlink", 0, false), unix.SYS_READLINKAT: byDir("readlinkat", 0, false),
	unix.SYS_FACCESSAT: byDir("faccessat", 0, false), unix.SYS_FACCESSAT2: byDir("faccessat2", 0, false),
	unix.SYS_MKDIR: byPath("mkdir", 0, true), unix.SYS_MKDIRAT: byDir("mkdirat", 0, true), unix.SYS_RMDIR: byPath("rmdir", 0, true),
	unix.SYS_UNLINK: byPath("unlink", 0, true), unix.SYS_UNLINKAT: byDir("unlinkat", 0, true),
	unix.SYS_RENAME: byPath("rename", 1, true), unix.SYS_RENAMEAT: byDir("renameat", 2, true), unix.SYS_RENAMEAT2: byDir("renameat2", 2, true),
	unix.SYS_LINK: byPath("link", 1, true), unix.SYS_LINKAT: byDir("linkat", 2, true), unix.SYS_SYMLINKAT: byDir("symlinkat", 1, true),
	unix.SYS_TRUNCATE: byPath("truncate", 0, true), unix.SYS_FTRUNCATE: byFD("ftruncate", true), unix.SYS_FALLOCATE: byFD("fallocate", true),
	unix.SYS_FCHMOD: byFD("fchmod", true), unix.SYS_FCHMODAT: byDir("fchmodat", 0, true),
	unix.SYS_FCHOWN: byFD("fchown", true), unix.SYS_FCHOWNAT: byDir("fchownat", 0, true),
	unix.SYS_UTIMENSAT: byFD("utimensat", true), unix.SYS_FSYNC: byFD("fsync", true), unix.SYS_FDATASYNC: byFD("fdatasync", true),
	unix.SYS_FLOCK: byFD("flock", false), unix.SYS_EXECVE: byPath("execve", 0, false),
	unix.SYS_KILL: {"kill", -1, -1, -1, false}, unix.SYS_PIDFD_OPEN: {"pidfd_open", -1, -1, -1, false},
	unix.SYS_UNAME: {"uname", -1, -1, -1, false}, unix.SYS_CLOCK_GETTIME: {"clock_gettime", -1, -1, -1, false},
}

// syscallInfo is struct ptrace_syscall_info of linux/ptrace.h.
type syscallInfo struct {
	Op   uint8 // 1: syscall-enter-stop, 2: syscall-exit-stop
	_    [3]byte
	Arch uint32
	_    [2]uint64 // instruction and stack pointer
	Nr   uint64    // the call's number; at an exit stop, its result
	Args [6]uint64
	_    [4]uint64
}

func readSyscall(tid int) (info syscallInfo, ok bool) {
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return info, e == 0
}

// decode returns the call that a thread is about to make, and whether it counts.
// Calls on pipes and on the runtime's own descriptors do not.
func decode(tid int, info syscallInfo) (c call, ok bool) {
	s, ok := fileCalls[info.Nr]
	if !ok {
		return c, false
	}
	c = call{name: s.name, fd: -1, changes: s.changes}
	if info.Nr == unix.SYS_OPENAT {
		c.changes = info.Args[2]&(unix.O_CREAT|unix.O_TRUNC) != 0
	}
	c.unlocks = info.Nr == unix.SYS_FLOCK && info.Args[1] == unix.LOCK_UN
	if s.fd >= 0 {
		c.fd = int(int32(info.Args[s.fd]))
		c.path = fdPath(tid, c.fd)
		return c, strings.HasPrefix(c.path, "/")
	}
	if s.path < 0 {
		return c, true
	}
	c.path = readString(tid, info.Args[s.path])
	if s.dir >= 0 && c.path != "" && !filepath.IsAbs(c.path) {
		if dir := int(int32(info.Args[s.dir])); dir >= 0 {
			c.path = filepath.Join(fdPath(tid, dir), c.path)
		}
	}
	if word, marked := strings.CutPrefix(c.path, "faults:"); marked {
		c.mark = word
	}
	return c, true
}

// fdPath returns the path that a descriptor of the traced program refers to.
func fdPath(tid, fd int) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, fd))
	return path
}

// readString reads a NUL-terminated string from the memory of the traced program.
func readString(tid int, address uint64) string {
	var b [512]byte
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	// Read in two pieces, because the second may be on an unmapped page.
	first := min(uint64(len(b)), 4096-address%4096)
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: int(first)}, {Base: uintptr(address + first), Len: len(b) - int(first)}}
	n, err := unix.ProcessVMReadv(tid, local, remote, 0)
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(b[:n])
}
