//go:build linux

package shared

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/writer"
	"golang.org/x/sys/unix"
)

// call is a call for the application's unit.
type call struct {
	name string
	code int
}

func (c call) String() string {
	if c.name == "set" {
		return fmt.Sprint("set ", c.code)
	}
	return c.name
}

var (
	load, set0, set3, beat, reset = call{"load", 0}, call{"set", 0}, call{"set", 3}, call{"beat", 0}, call{"reset", 0}

	calls   = []call{load, set0, set3, beat, reset}
	callers = []*user{root, noChown, nil, member, stranger} // nil: the application
)

// cell is one combination of all.
type cell struct {
	place
	loader, setter, caller *user
	call                   call
}

func (c *cell) String() string {
	return fmt.Sprintf("%s: %s %s: loaded by %s, set by %s: %s by %s", c.fs, c.owner.name, c.mode.name, c.loader.name, c.setter.name, c.call, c.caller.name)
}

// sampled reports whether the cell is tried.
func (c *cell) sampled() bool {
	oneOf := uint32(97)
	switch {
	case *every, *long && c.fs == "tmpfs":
		return true
	case *long:
		oneOf = 4
	}
	f := fnv.New32a()
	f.Write([]byte(c.String()))
	return f.Sum32()%oneOf == 0
}

// matrix makes the calls of one file system's cells.
type matrix struct {
	*testing.T
	workers  map[*user]*worker
	dir      string // of the cell's unit
	cells    int
	refusals int
}

// TestMatrix: see the package documentation.
func TestMatrix(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	disk := directoryForAll(t)
	for _, fs := range []string{"tmpfs", "disk", "ramfs"} {
		t.Run(fs, func(t *testing.T) {
			t.Parallel()
			runDir := filepath.Join(disk, fs)
			must(t, os.Mkdir(runDir, 0o755))
			if fs != "disk" {
				must(t, unix.Mount(fs, runDir, fs, 0, "mode=755"))
				t.Cleanup(func() { unix.Unmount(runDir, unix.MNT_DETACH) })
			}
			m := newMatrix(t, runDir)
			m.all(fs)
			t.Logf("%s: %d cells, in %d of them the call was refused", fs, m.cells, m.refusals)
		})
	}
}

func newMatrix(t *testing.T, runDir string) *matrix {
	t.Helper()
	exe := program(t)
	m := &matrix{T: t, workers: map[*user]*worker{}, dir: filepath.Join(runDir, "web")}
	for _, u := range []*user{root, noChown, loner, joined, member, stranger, other} {
		m.workers[u] = u.start(t, exe)
	}
	return m
}

func (m *matrix) all(fs string) {
	for i := range owners {
		for j := range modes {
			p := place{fs, fs == "ramfs", &owners[i], &modes[j]}
			if p.noACLs && (p.acl != nil || p.owner.outside && p.mode.bits&0o022 == 0o020) {
				continue // it takes ACLs
			}
			for _, c := range p.cells() {
				if c.sampled() {
					m.try(c)
				}
			}
		}
	}
}

// cells returns the cells of a place.
func (p *place) cells() (all []*cell) {
	users := slices.Clone(callers)
	users[slices.Index(users, nil)] = p.app
	for _, loader := range users {
		for _, setter := range users {
			if setter != loader && setter != p.app {
				continue
			}
			for _, caller := range users {
				for _, call := range calls {
					all = append(all, &cell{*p, loader, setter, caller, call})
				}
			}
		}
	}
	return all
}

// request makes a user call.
func (m *matrix) request(c *cell, u *user, k call) error {
	return m.workers[u].do(request{Dir: m.dir, Call: k.name, Pid: m.workers[c.app].pid, Code: k.code})
}

// call makes a user call, and compares the error with what is to be.
func (m *matrix) call(c *cell, u *user, k call) error {
	foreign := false
	for _, name := range stateFiles {
		st, err := os.Lstat(filepath.Join(m.dir, name))
		foreign = foreign || err == nil && (k.name != "set" || name == "error") && int(st.Sys().(*syscall.Stat_t).Uid) != u.uid
	}
	want := c.works(u, k, foreign)
	err := m.request(c, u, k)
	switch {
	case err == nil && want:
		return nil
	case err == nil:
		m.Errorf("%v: %v by %s worked", c, k, u.name)
		return nil
	case want && !c.unsure(u):
		m.Errorf("%v: %v by %s failed: %v", c, k, u.name, err)
	}
	cured := false
	for _, cure := range []string{"run this as uid ", "run this as one of them", "prepare " + m.dir + " for this user"} {
		cured = cured || strings.Contains(err.Error(), cure)
	}
	if !cured || !strings.Contains(err.Error(), m.dir) || strings.Contains(err.Error(), "\n") {
		m.Errorf("%v: %v by %s: one line that names the file and a cure is wanted, not %q", c, k, u.name, err)
	}
	return err
}

var stateFiles = []string{"pid", "identity", "error", "reason", ".tmp"}

// ready returns what the probe says about the unit; nil is healthy.
func (m *matrix) ready() error {
	u, err := writer.Open(writer.WithRunDir(filepath.Dir(m.dir)), writer.WithName(filepath.Base(m.dir)), writer.WithAnyOwner())
	must(m.T, err)
	return u.Ready()
}

// files returns the content of the unit's files.
func (m *matrix) files() (all string) {
	for _, name := range stateFiles {
		if b, err := os.ReadFile(filepath.Join(m.dir, name)); err == nil {
			all += fmt.Sprintf("%s %q\n", name, b)
		}
	}
	return all
}

// try goes through a cell.
func (m *matrix) try(c *cell) {
	without, err := c.mode.make(m.dir, c.owner)
	must(m.T, err)
	defer os.RemoveAll(m.dir)
	if without {
		m.Fatalf("%s has no ACLs", c.fs)
	}
	if m.prepare(c) {
		m.cells++
		m.judge(c)
	}
}

// prepare loads the unit and sets 0. Where the loader may not, the application does, and
// if that may not either, there is no such cell.
func (m *matrix) prepare(c *cell) bool {
	for _, step := range []struct {
		call call
		by   *user
	}{{load, c.loader}, {set0, c.setter}} {
		if m.call(c, step.by, step.call) != nil && m.request(c, c.app, step.call) != nil {
			return false
		}
	}
	if err := m.ready(); err != nil {
		m.Errorf("%v: %v", c, err)
	}
	return true
}

// judge makes the call, and looks at what has become of the unit.
func (m *matrix) judge(c *cell) {
	before := m.files()
	err := m.call(c, c.caller, c.call)
	now := m.ready()
	if err != nil {
		m.refusals++
	}
	switch {
	case err != nil && c.call == set3 && c.writes(c.caller):
		if now == nil {
			m.Errorf("%v: healthy after %v", c, err)
		}
	case err != nil:
		if after := m.files(); after != before {
			m.Errorf("%v: %v, but it has changed\n%sto\n%s", c, err, before, after)
		}
	case (now == nil) != (c.call == set0 || c.call == beat):
		m.Errorf("%v: the probe says %v", c, now)
	}
	m.open(c)
	if c.writes(c.app) {
		m.goOn(c, err == nil && c.call == reset)
	}
}

// open checks that the lock file, and error, are for those who may write the directory.
func (m *matrix) open(c *cell) {
	for _, u := range []*user{c.app, member, stranger, other} {
		if u == other && (c.noACLs || c.uid != other.uid) || !c.searches(u) {
			continue
		}
		for _, f := range []request{{File: ".lock", Mode: unix.O_RDWR}, {File: ".lock"}, {File: "error", Mode: unix.O_WRONLY}} {
			if _, err := os.Lstat(filepath.Join(m.dir, f.File)); err != nil {
				continue
			}
			f.Dir, f.Call = m.dir, "open"
			if err := m.workers[u].do(f); (err == nil) != c.writes(u) {
				m.Errorf("%v: %s opens %s (%#o): %v", c, u.name, f.File, f.Mode, err)
			}
		}
	}
}

// goOn makes the application's own calls, which all have to work.
func (m *matrix) goOn(c *cell, wasReset bool) {
	steps := []call{beat, set3, set0, beat, reset, load, set0}
	if _, err := os.Lstat(filepath.Join(m.dir, "error")); err != nil {
		steps = steps[1:]
	}
	if wasReset {
		steps = []call{load, set0, set3, set0, beat, reset}
	}
	for _, k := range steps {
		if err := m.request(c, c.app, k); err != nil {
			m.Errorf("%v: then %v of the application: %v", c, k, err)
			return
		}
		now := m.ready()
		if want := k == set0 || k == beat && now == nil; (now == nil) != want {
			m.Errorf("%v: after the application's %v the probe says %v", c, k, now)
		}
	}
}
