//go:build linux && amd64

package faults

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// action is what the tracer does to a call.
type action struct {
	kind  actionKind
	errno unix.Errno
}

type actionKind int

const (
	proceed   actionKind = iota
	kill                 // the program is killed at this stop
	fail                 // the kernel skips the call, which returns errno
	failAfter            // the kernel carries out the call, but it returns errno
	short                // a write writes only its first byte
)

// tracer runs one program. It calls decide before and after each file-system
// call of the program, which is stopped meanwhile. With follows it also traces the first
// child, until that has executed its own first file and then another one: healthctl run's
// child, until it is COMMAND. Other children are not traced.
type tracer struct {
	argv      []string
	cred      *syscall.Credential
	pid       int                    // the pid that it must get, by way of ns_last_pid; 0: any
	onStart   func(pid int)          // called before the process runs its first instruction
	countFrom func(path string) bool // calls count from the first one whose path this accepts; nil: all count
	decide    func(call) action
	follows   bool
	onChild   func(pid int) // called before the child runs its first instruction
}

// traceResult is how a traced program ended.
type traceResult struct {
	status     int    // exit status; -1 if a signal ended it
	mark       string // the last mark before it ended: done, failed, replaced
	output     string // what it wrote to standard error
	hung       bool   // it did not end in time and was killed
	beforeLock bool   // in a race: it was stopped before it ever held the lock
	child      int    // the pid of the child; 0: it has started none
}

// hangTimeout limits a run that must not block. It is generous, because commands
// wait two seconds for a lock and the machine may be busy.
const hangTimeout = 60 * time.Second

// run traces the program to its end. The calling goroutine must be locked to
// its thread, because to the kernel that thread is the tracer.
func (t *tracer) run() (traceResult, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return traceResult{}, err
	}
	defer r.Close()
	pid, err := t.spawn(w.Fd())
	w.Close()
	if err != nil {
		return traceResult{}, err
	}
	p := &tracee{tracer: t, processes: map[int]*traced{}, threads: map[int]*thread{}}
	p.main = p.add(pid, "")
	p.main.counting = t.countFrom == nil
	guard := time.AfterFunc(hangTimeout, func() { unix.Kill(pid, unix.SIGKILL) })
	err = p.follow()
	p.end.hung = !guard.Stop()
	if t.follows {
		r.SetReadDeadline(time.Now().Add(time.Second)) // COMMAND may have the pipe, and live on
	}
	output, _ := io.ReadAll(r) // messages are short and fit into the pipe
	p.end.output = string(output)
	return p.end, err
}

// errPidTaken: another process or thread has the pid that the program must get, and
// keeps it. It may be a thread of this test.
var errPidTaken = errors.New("the pid is taken")

// spawn starts the program, stopped, in its own process group. wait then waits
// for all threads of this program and for no other process.
func (t *tracer) spawn(stderr uintptr) (pid int, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Env:   append(os.Environ(), "GOMAXPROCS=2"),
		Files: []uintptr{null.Fd(), null.Fd(), stderr},
		Sys:   &syscall.SysProcAttr{Ptrace: true, Setpgid: true, Credential: t.cred},
	}
	for range 100 {
		if t.pid != 0 {
			if err := nextPid(t.pid); err != nil {
				return 0, err
			}
		}
		if pid, err = syscall.ForkExec(t.argv[0], t.argv, attr); err != nil {
			return 0, err
		}
		var status unix.WaitStatus
		if _, err := wait(pid, &status); err != nil {
			return 0, err
		}
		if t.pid == 0 || pid == t.pid {
			break
		}
		unix.Kill(pid, unix.SIGKILL) // another thread took the number first
		wait(pid, &status)
	}
	if t.pid != 0 && pid != t.pid {
		return 0, errPidTaken
	}
	options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if t.follows {
		options |= unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK
	}
	return pid, unix.PtraceSetOptions(pid, options)
}

// wait waits for the next stop or exit of a thread in process group pid.
func wait(pid int, status *unix.WaitStatus) (tid int, err error) {
	for {
		tid, err = unix.Wait4(-pid, status, unix.WALL, nil)
		if err != unix.EINTR {
			return tid, err
		}
	}
}

// waitAny waits for the next stop or exit of any tracee of this thread, whatever its
// process group. No other child of the thread ends meanwhile.
func waitAny(status *unix.WaitStatus) (tid int, err error) {
	for {
		tid, err = unix.Wait4(-1, status, unix.WALL|unix.WNOTHREAD, nil)
		if err != unix.EINTR {
			return tid, err
		}
	}
}

// follow handles stops until the program, and its child, have ended.
func (p *tracee) follow() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // the caller's lock stays
	if p.onStart != nil {
		p.onStart(p.main.pid)
	}
	unix.PtraceSyscall(p.main.pid, 0)
	for len(p.processes) > 0 {
		var status unix.WaitStatus
		var tid int
		var err error
		if p.follows {
			tid, err = waitAny(&status)
		} else {
			tid, err = wait(p.main.pid, &status)
		}
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		if status.Exited() || status.Signaled() {
			if tid == p.main.pid {
				p.end.status = status.ExitStatus()
			}
			delete(p.threads, tid)
			delete(p.processes, tid)
			continue
		}
		p.handleStop(tid, status)
	}
	return nil
}

// isOwnWork returns a filter for the paths at which a command's own work begins,
// after the start of the Go runtime.
func isOwnWork(runDir string) func(string) bool {
	return func(path string) bool {
		return strings.HasPrefix(path, runDir) || isStat(path) || strings.HasSuffix(path, "/boot_id")
	}
}

// isStat reports whether path is /proc/<pid>/stat.
func isStat(path string) bool {
	return strings.HasPrefix(path, "/proc/") && strings.HasSuffix(path, "/stat") && path != "/proc/self/stat"
}

// tracee is a program, and its child, while they are being traced.
type tracee struct {
	*tracer
	main      *traced
	processes map[int]*traced // by pid
	threads   map[int]*thread // by thread id
	end       traceResult
}

// traced is one process.
type traced struct {
	pid      int
	by       string // as in call
	counting bool
	count    int
	killed   bool
	execs    int
}

// thread is one thread, and the call that it is in.
type thread struct {
	*traced
	now *pending // between two calls: nil
}

// pending is the call that a thread is in, between its enter and its exit stop.
type pending struct {
	call
	action
	counted bool
}

// add notes a process and its first thread.
func (p *tracee) add(pid int, by string) *traced {
	process := &traced{pid: pid, by: by}
	p.processes[pid] = process
	p.threads[pid] = &thread{traced: process}
	return process
}

// adopt notes a thread that is new, and its process if that is new. It returns nil if
// the process is not to be traced.
func (p *tracee) adopt(tid int) *thread {
	if !p.follows {
		p.threads[tid] = &thread{traced: p.main}
		return p.threads[tid]
	}
	pid, parent := groupOf(tid)
	if process := p.processes[pid]; process != nil {
		p.threads[tid] = &thread{traced: process}
		return p.threads[tid]
	}
	if parent != p.main.pid || p.end.child != 0 {
		return nil
	}
	p.end.child = pid
	p.add(pid, "child").counting = true // the execve of its first file counts
	if p.onChild != nil {
		p.onChild(pid)
	}
	return p.threads[tid]
}

// groupOf returns the process of a thread, and that process's parent.
func groupOf(tid int) (pid, parent int) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	for line := range strings.Lines(string(b)) {
		fmt.Sscanf(line, "Tgid: %d", &pid)
		fmt.Sscanf(line, "PPid: %d", &parent)
	}
	return pid, parent
}

// handleStop handles one stop of one thread and resumes the thread. It ignores
// errors: they mean that the program was killed meanwhile, which wait reports.
func (p *tracee) handleStop(tid int, status unix.WaitStatus) {
	th, known := p.threads[tid]
	if !known {
		if th = p.adopt(tid); th == nil {
			unix.PtraceDetach(tid)
			return
		}
	}
	signal := status.StopSignal()
	switch {
	case signal == unix.SIGTRAP|0x80:
		p.syscallStop(tid, th)
		signal = 0
	case int(status)>>8 == int(unix.SIGTRAP)|unix.PTRACE_EVENT_EXEC<<8:
		if th.execs++; th.by != "" && th.execs == 1 {
			th.counting, th.now = false, nil
			signal = 0
			break
		}
		p.replaced(tid, th)
		return
	case signal == unix.SIGTRAP: // the program created a thread or a process
		signal = 0
	case signal == unix.SIGSTOP && !known: // the first stop of a new thread
		signal = 0
	}
	unix.PtraceSyscall(tid, int(signal))
}

// replaced: the process is another program now, which is not under test.
func (p *tracee) replaced(tid int, th *thread) {
	p.mark("replaced")
	if th.by == "" {
		unix.PtraceCont(tid, 0)
		return
	}
	for id, other := range p.threads { // the exec has ended them
		if other.traced == th.traced {
			delete(p.threads, id)
		}
	}
	delete(p.processes, th.pid)
	unix.PtraceDetach(tid)
}

func (p *tracee) syscallStop(tid int, th *thread) {
	info, ok := readSyscall(tid)
	switch {
	case !ok || th.killed:
	case info.Op == 1:
		p.enterCall(tid, th, info)
	case info.Op == 2:
		if now := th.now; now != nil && now.counted {
			p.exitCall(tid, th, int64(info.Nr))
		}
		th.now = nil
	}
}

// enterCall handles a syscall-enter-stop.
func (p *tracee) enterCall(tid int, th *thread, info syscallInfo) {
	c, ok := decode(tid, info)
	if !ok {
		return
	}
	if !th.counting {
		th.counting = p.countFrom(c.path)
	}
	switch {
	case c.mark == "begin" || !th.counting:
		return
	case c.mark != "":
		p.mark(c.mark)
		return
	}
	th.count++
	c.by, c.n = th.by, th.count
	now := &pending{call: c, action: p.decide(c), counted: true}
	th.now = now
	switch now.kind {
	case kill:
		th.kill()
	case fail: // there is no call -1, so the kernel does nothing
		changeRegisters(tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
	case short:
		changeRegisters(tid, func(r *unix.PtraceRegs) { r.Rdx = min(r.Rdx, 1) })
	}
}

// exitCall handles a syscall-exit-stop of a call that counts.
func (p *tracee) exitCall(tid int, th *thread, result int64) {
	now := th.now
	if now.kind == fail || now.kind == failAfter {
		result = -int64(now.errno)
		changeRegisters(tid, func(r *unix.PtraceRegs) { r.Rax = uint64(result) })
	}
	c := now.call
	c.after, c.result = true, result
	if p.decide(c).kind == kill {
		th.kill()
	}
}

// mark notes how far the program says that it has come.
func (p *tracee) mark(word string) {
	p.end.mark = word
	if p.decide(call{mark: word, fd: -1}).kind == kill {
		p.main.kill()
	}
}

func (t *traced) kill() {
	t.killed = true
	unix.Kill(t.pid, unix.SIGKILL)
}

func changeRegisters(tid int, change func(*unix.PtraceRegs)) {
	var r unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &r) == nil {
		change(&r)
		unix.PtraceSetRegs(tid, &r)
	}
}

// call is one file-system call of a traced program, before or after the kernel
// has carried it out.
type call struct {
	by      string // "": the program itself; "child": its child
	n       int    // 1, 2, ..., counted over all threads of the process
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
	by := ""
	if c.by != "" {
		by = " of the " + c.by
	}
	return fmt.Sprintf("%s call %d%s, %s %s", when, c.n, by, c.name, c.path)
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
	unix.SYS_FSETXATTR: byFD("fsetxattr", true), unix.SYS_LGETXATTR: byPath("lgetxattr", 0, false),
	unix.SYS_UTIMENSAT: byFD("utimensat", true), unix.SYS_FSYNC: byFD("fsync", true), unix.SYS_FDATASYNC: byFD("fdatasync", true),
	unix.SYS_FLOCK: byFD("flock", false), unix.SYS_EXECVE: byPath("execve", 0, false),
	unix.SYS_KILL: {"kill", -1, -1, -1, false}, unix.SYS_PIDFD_OPEN: {"pidfd_open", -1, -1, -1, false},
	unix.SYS_SOCKET: {"socket", -1, -1, -1, false}, unix.SYS_SOCKETPAIR: {"socketpair", -1, -1, -1, false},
	unix.SYS_BIND: byFD("bind", true), unix.SYS_SETSOCKOPT: byFD("setsockopt", false),
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
		return c, strings.HasPrefix(c.path, "/") || strings.HasPrefix(c.path, "socket:")
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
