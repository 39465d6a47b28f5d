//go:build linux

package shared

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/writer"
	"golang.org/x/sys/unix"
)

// user is who calls: a process with these ids.
type user struct {
	name     string
	uid, gid int
	groups   []int
	noChown  bool // root without CAP_CHOWN
}

// The ids of the matrix.
const (
	appUID, memberUID, strangerUID, otherUID = 65532, 65531, 65530, 65529
	sharedGID                                = 65520
)

var (
	root     = &user{name: "root"}
	noChown  = &user{name: "root without CAP_CHOWN", noChown: true}
	loner    = &user{name: "application", uid: appUID, gid: appUID}
	joined   = &user{name: "application in the group", uid: appUID, gid: appUID, groups: []int{sharedGID}}
	member   = &user{name: "member", uid: memberUID, gid: memberUID, groups: []int{sharedGID}}
	stranger = &user{name: "stranger", uid: strangerUID, gid: strangerUID}
	other    = &user{name: "another user", uid: otherUID, gid: otherUID}
)

func (u *user) in(gid int) bool { return u.gid == gid || slices.Contains(u.groups, gid) }

// request is a call that a worker makes.
type request struct {
	Dir  string // of the unit
	Call string // as healthctl's commands, or "open"
	Pid  int    // of the application
	Code int
	File string // to open
	Mode int
}

// worker is a process of a user.
type worker struct {
	*user
	pid  int
	to   *json.Encoder
	from *bufio.Reader
}

// directoryForAll returns a directory that other users can reach.
func directoryForAll(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		must(t, os.Chmod(d, 0o755))
	}
	return dir
}

// program copies this test to a directory where other users can start it.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	exe := filepath.Join(directoryForAll(t), "test")
	must(t, testenv.WriteProgram(exe, self))
	return exe
}

// start starts a process of the user, which ends with the test.
func (u *user) start(t *testing.T, exe string) *worker {
	t.Helper()
	cmd := exec.Command(exe)
	if u.noChown {
		cmd = exec.Command("setpriv", "--bounding-set=-chown", "--inh-caps=-chown", exe)
	}
	cmd.Env = append(os.Environ(), workerEnv+"=1")
	cmd.Stderr = os.Stderr
	cred := &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}
	for _, gid := range u.groups {
		cred.Groups = append(cred.Groups, uint32(gid))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Pdeathsig: unix.SIGKILL}
	to, err := cmd.StdinPipe()
	must(t, err)
	from, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		to.Close()
		cmd.Wait()
	})
	return &worker{user: u, pid: cmd.Process.Pid, to: json.NewEncoder(to), from: bufio.NewReader(from)}
}

// do makes the worker do something, and returns its error.
func (w *worker) do(r request) error {
	if err := w.to.Encode(r); err != nil {
		return fmt.Errorf("to the worker: %w", err)
	}
	line, err := w.from.ReadBytes('\n')
	var text string
	if err == nil {
		err = json.Unmarshal(line, &text)
	}
	if err != nil {
		return fmt.Errorf("from the worker: %w", err)
	}
	if text == "" {
		return nil
	}
	return errors.New(text)
}

// work is what a worker does until its standard input ends.
func work() {
	unix.Umask(0o022)
	var last *writer.Unit
	requests, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return
		} else if err != nil {
			panic(err)
		}
		answer := ""
		if err := r.serve(&last); err != nil {
			answer = err.Error()
		}
		if err := answers.Encode(answer); err != nil {
			panic(err)
		}
	}
}

// serve makes the call: as package writer in the application, and as healthctl in
// another process. last is the application's Unit.
func (r *request) serve(last **writer.Unit) error {
	if r.Call == "open" {
		fd, err := unix.Open(filepath.Join(r.Dir, r.File), r.Mode|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	options := []writer.Option{writer.WithRunDir(filepath.Dir(r.Dir)), writer.WithName(filepath.Base(r.Dir))}
	own := r.Pid == os.Getpid()
	switch {
	case own:
	case r.Call == "load":
		options = append(options, writer.WithPid(r.Pid))
	default:
		options = append(options, writer.WithAnyOwner())
	}
	u := *last
	if !own || u == nil || u.Dir() != r.Dir || r.Call == "beat" { // which a new Unit does not answer from memory
		var err error
		if u, err = writer.Open(options...); err != nil {
			return err
		}
	}
	if own && r.Call != "beat" {
		*last = u
	}
	switch r.Call {
	case "load":
		return u.Load(context.Background())
	case "set":
		return u.SetReason(r.Code, "because")
	case "beat":
		return u.Beat()
	case "reset":
		return u.Reset()
	}
	return u.Ready()
}
