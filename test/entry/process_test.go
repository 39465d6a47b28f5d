//go:build linux

package entry

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// invocation is how a process is started. os/exec would not do, since it tidies
// up: it opens descriptors that should be closed and drops duplicate variables.
type invocation struct {
	args  []string
	env   []string
	files [3]*os.File // if nil: /dev/null for standard input, and result has the others
	close [3]bool     // start the process without this descriptor
	group *group      // start the process in this cgroup; nil for the test's own

	killAfter time.Duration // if not 0, and the process may hang
}

// result is how a process ended and what it printed.
type result struct {
	status   int
	signal   syscall.Signal // that killed it, or 0
	out, err string
}

func (r result) String() string {
	if r.signal != 0 {
		return fmt.Sprintf("killed by %v, stdout %q, stderr %q", r.signal, r.out, r.err)
	}
	return fmt.Sprintf("status %d, stdout %q, stderr %q", r.status, r.out, r.err)
}

// run runs healthprobe and waits for it.
func (e entry) run(t testing.TB, how invocation) result {
	t.Helper()
	r, err := how.run(append(append([]string{}, e.argv...), how.args...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run runs argv, the complete command, and waits for it.
func (how invocation) run(argv []string) (r result, err error) {
	files := how.files[:]
	var ends [3]*os.File
	for i := range files {
		switch {
		case how.close[i]:
			files[i] = nil
		case files[i] != nil:
		case i == 0:
			null, err := os.Open(os.DevNull)
			if err != nil {
				return r, err
			}
			defer null.Close()
			files[i] = null
		default:
			read, write, err := os.Pipe()
			if err != nil {
				return r, err
			}
			defer read.Close()
			defer write.Close()
			files[i], ends[i] = write, read
		}
	}
	env := how.env
	if env == nil {
		env = []string{} // nil would mean this process's environment
	}
	process, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Env: env, Files: files, Sys: how.group.attr()})
	if err != nil {
		return r, err
	}
	if how.killAfter > 0 {
		defer time.AfterFunc(how.killAfter, func() { process.Kill() }).Stop()
	}
	state, err := process.Wait()
	if err != nil {
		return r, err
	}
	// A probe prints less than a pipe's buffer holds, so it can be read afterwards.
	text := func(i int) string {
		if ends[i] == nil {
			return ""
		}
		files[i].Close()
		b, _ := io.ReadAll(ends[i])
		return string(b)
	}
	status := state.Sys().(syscall.WaitStatus)
	r = result{status: status.ExitStatus(), out: text(1), err: text(2)}
	if status.Signaled() {
		r.signal = status.Signal()
	}
	return r, nil
}

// reexecEnv is a variable whose value makes this test binary call reexec, with
// that value and its arguments, instead of running the tests.
const reexecEnv = "HEALTHPROBE_TEST_REEXEC"

// memoryAndThreads are the numbers of clone, clone3 and the mmaps. amd64 also runs
// programs for 386, whose numbers are others: there they are those of getresgid,
// chmod and lgetxattr, which nothing here calls.
var memoryAndThreads = map[string][]uint32{
	"386":     {120, 435, 90, 192},
	"amd64":   {56, 435, 9, 120, 90, 192},
	"arm":     {120, 435, 192},
	"arm64":   {220, 435, 222},
	"loong64": {220, 435, 222},
	"ppc64le": {120, 435, 90},
	"riscv64": {220, 435, 222},
	"s390x":   {120, 435, 90},
}

// reexec replaces this process by the program argv, in the unusual environment
// that how names. It returns only if that fails.
func reexec(how string, argv []string) error {
	if len(argv) == 0 {
		return fmt.Errorf("%s=%s: no program", reexecEnv, how)
	}
	path, err := syscall.BytePtrFromString(argv[0])
	if err != nil {
		return err
	}
	arguments, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	environment := []*byte{nil}

	// Filters and user ids are this thread's, so execve must be called on it too.
	// Limits are the process's, so no other thread may need anything between the
	// limit and execve: with one P, which this thread holds, none runs Go code.
	runtime.LockOSThread()
	runtime.GOMAXPROCS(1)
	switch how {
	case "without arguments":
		arguments = []*byte{nil}
	case "no clone, no mmap":
		// The filter kills this process as well if it needs memory from here on,
		// so everything that execve takes has been allocated above.
		if err := filter(unix.SECCOMP_RET_KILL_PROCESS, memoryAndThreads[runtime.GOARCH]...); err != nil {
			return err
		}
	case "without thread-local storage":
		const archPrctl, setThreadArea = 158, 243 // on amd64, and for its 386 programs
		if err := filter(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM), archPrctl, setThreadArea); err != nil {
			return err
		}
	case "no processes":
		if os.Geteuid() == 0 {
			if err := becomeNobody(); err != nil {
				return err
			}
		}
		fallthrough
	default:
		if group, ok := strings.CutPrefix(how, movedTo); ok {
			if err := moveTo(group); err != nil {
				return err
			}
			break
		}
		l, ok := limits[how]
		if !ok {
			return fmt.Errorf("%s=%s: unknown value", reexecEnv, how)
		}
		if err := unix.Prlimit(0, l.resource, &unix.Rlimit{Cur: l.value, Max: l.value}, nil); err != nil {
			return err
		}
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&arguments[0])), uintptr(unsafe.Pointer(&environment[0])))
	return e
}

// limits are the resource limits that reexec can set. Where pages have 64 KB, as on
// ppc64le, a stack of one page is not enough for any program: it begins at random.
var limits = map[string]struct {
	resource int
	value    uint64
}{
	"no processes":           {unix.RLIMIT_NPROC, 1},
	"4 MiB of address space": {unix.RLIMIT_AS, 4 << 20},
	"9 descriptors":          {unix.RLIMIT_NOFILE, 9},
	"64 KB of stack":         {unix.RLIMIT_STACK, max(64<<10, 2*uint64(os.Getpagesize()))},
}

// becomeNobody makes this thread one of a user without other processes.
// RLIMIT_NPROC counts all processes of a user, and does not apply to root.
func becomeNobody() error {
	const id = 61234
	if err := unix.Setgroups(nil); err != nil {
		return err
	}
	if err := unix.Setresgid(id, id, id); err != nil {
		return err
	}
	return unix.Setresuid(id, id, id)
}

// movedTo begins a value of reexecEnv that ends with the directory of a cgroup.
const movedTo = "moved to "

// moveTo moves this process to a cgroup that may not allow it another thread.
func moveTo(group string) error {
	fd, err := unix.Open(group+"/cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	self := []byte("0")
	// Not unix.Write: the scheduler may start a thread while one is in there.
	if _, _, e := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&self[0])), uintptr(len(self))); e != 0 {
		return e
	}
	return nil
}

// filter makes the kernel do action, one of seccomp's, if this process makes one
// of the system calls.
func filter(action uint32, calls ...uint32) error {
	const number = 0 // of the system call, in struct seccomp_data
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number}}
	for _, call := range calls {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: call},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// The kernel requires this of a process without privileges.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}
