//go:build linux

package entry

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
)

// A start says what a process begins with. os/exec would be too kind: it opens
// descriptors that are closed and drops variables that come twice.
type start struct {
	args  []string
	env   []string
	files [3]*os.File // nil for standard output and error: collected
	close [3]bool     // the process gets none
}

// A result is how a process ended and what it said.
type result struct {
	status   int
	signal   syscall.Signal // 0: it ended by itself
	out, err string
}

func (r result) String() string {
	if r.signal != 0 {
		return fmt.Sprintf("ended by %v, stdout %q, stderr %q", r.signal, r.out, r.err)
	}
	return fmt.Sprintf("status %d, stdout %q, stderr %q", r.status, r.out, r.err)
}

// start runs a probe to its end.
func (e entry) start(t testing.TB, s start) result {
	t.Helper()
	r, err := s.run(append(append([]string{}, e.argv...), s.args...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s start) run(argv []string) (r result, err error) {
	files := s.files[:]
	var ends [3]*os.File
	for i := range files {
		switch {
		case s.close[i]:
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
	env := s.env
	if env == nil {
		env = []string{} // nil would be this process's
	}
	process, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Env: env, Files: files})
	if err != nil {
		return r, err
	}
	state, err := process.Wait()
	if err != nil {
		return r, err
	}
	// A probe's words fit into a pipe, so they can be read afterwards.
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
