//go:build linux

package entry

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"
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
