//go:build containers && linux

package containers

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

const appUser = 65532

// An ociRuntime is what an engine starts containers with. The tests start it themselves, which shows
// what is the runtime's own doing, and reaches those that no engine here is set up for.
type ociRuntime struct {
	name  string // of the program and of its Debian package
	flags []string
	exec  []string // flags of exec
}

var (
	// exec of crun and gVisor is for root unless told otherwise, that of runc for the container's user.
	asUser = []string{fmt.Sprintf("--user=%d:%[1]d", appUser)}

	runc = ociRuntime{name: "runc"}
	crun = ociRuntime{name: "crun", exec: asUser}
	// gVisor: ptrace is the platform that needs no KVM, and a test machine may not let it make cgroups.
	runsc = ociRuntime{name: "runsc", exec: asUser, flags: []string{"--platform=ptrace", "--network=none", "--ignore-cgroups"}}

	runtimes = []ociRuntime{runc, crun, runsc}
)

// A bundle is run again and again: each run is a container of its own.
type bundle struct {
	t       testing.TB
	runtime ociRuntime
	dir     string
	group   string // its cgroup below cgroupParent
	runs    int
	id      atomic.Value // of the latest run's container
	killed  []string     // containers that are to be deleted in the end
}

var bundles atomic.Int32

// A bundleConfig says what differs between the tests' bundles.
type bundleConfig struct {
	rootfs string
	args   []string
	binds  map[string]string // directories of this machine by their place in the container, writable
	tmpfs  []string
}

// newBundle prepares a container as a careful user would: another user than root, without
// capabilities, a root file system that it cannot write, and no network.
func newBundle(t testing.TB, runtime ociRuntime, c bundleConfig) *bundle {
	t.Helper()
	testenv.Require(t, os.Geteuid() == 0, "a container runtime needs root")
	testenv.LookPath(t, runtime.name, runtime.name)
	b := &bundle{t: t, runtime: runtime, dir: t.TempDir(), group: fmt.Sprintf("%s-%d", runtime.name, bundles.Add(1))}
	type object = map[string]any
	mounts := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
	}
	for place, dir := range c.binds {
		mounts = append(mounts, object{"destination": place, "type": "bind", "source": dir, "options": []string{"bind", "rw"}})
	}
	for _, place := range c.tmpfs {
		mounts = append(mounts, object{"destination": place, "type": "tmpfs", "source": "tmpfs",
			"options": []string{fmt.Sprintf("uid=%d", appUser), "mode=755"}})
	}
	var namespaces []object
	for _, kind := range []string{"pid", "mount", "ipc", "uts", "network"} {
		namespaces = append(namespaces, object{"type": kind})
	}
	config, err := json.Marshal(object{
		"ociVersion": "1.0.2",
		"hostname":   "bundle",
		"root":       object{"path": c.rootfs, "readonly": true},
		"mounts":     mounts,
		"process": object{
			"user": object{"uid": appUser, "gid": appUser},
			"args": c.args, "cwd": "/",
			"env":             []string{"LIVENESS_UNIT_NAME=app", "PATH=/usr/bin:/bin"},
			"capabilities":    object{},
			"noNewPrivileges": true,
		},
		"linux": object{"cgroupsPath": filepath.Join(cgroupParent, b.group), "namespaces": namespaces},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "config.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.removeAll)
	return b
}

// command returns a call of the runtime.
func (b *bundle) command(args ...string) *exec.Cmd {
	call := slices.Concat([]string{b.runtime.name, "--root=" + filepath.Join(b.dir, "state")}, b.runtime.flags, args)
	// crun refuses to run where a v2 hierarchy that holds a controller is mounted beside those of v1. It
	// does not need that one, so it gets a view without it.
	const unified = cgroupRoot + "/unified"
	var s unix.Statfs_t
	if b.runtime.name == "crun" && unix.Statfs(unified, &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC {
		call = append([]string{"unshare", "--mount", "sh", "-c", `umount "$0" && exec "$@"`, unified}, call...)
	}
	return exec.Command(call[0], call[1:]...)
}

// start runs the bundle in the background, as a new container, and returns its pid 1 as this machine
// sees it. The state directories stay.
func (b *bundle) start() (pid string) {
	b.t.Helper()
	id := b.next()
	log, err := os.Create(filepath.Join(b.dir, "log")) // not a pipe, which the container would keep open
	if err != nil {
		b.t.Fatal(err)
	}
	defer log.Close()
	pidFile := filepath.Join(b.dir, "pid")
	cmd := b.command("run", "--detach", "--bundle="+b.dir, "--pid-file="+pidFile, id)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		b.t.Fatalf("%s: %v\n%s", cmd, err, text)
	}
	return number(b.t, pidFile)
}

// next removes the previous run's container and returns a name for the next.
func (b *bundle) next() (id string) {
	b.t.Helper()
	b.remove()
	b.runs++
	id = fmt.Sprintf("%s-%03d", b.group, b.runs) // runsc takes the beginning of a name for it
	b.id.Store(id)
	return id
}

// container returns the name of the latest run, or "" before the first.
func (b *bundle) container() string {
	id, _ := b.id.Load().(string)
	return id
}

// exec runs a command in the latest run's container.
func (b *bundle) exec(command ...string) (stdout, stderr string, code int) {
	return b.execIn(b.container(), command...)
}

func (b *bundle) execIn(id string, command ...string) (stdout, stderr string, code int) {
	return try(b.command(slices.Concat([]string{"exec"}, b.runtime.exec, []string{id}, command)...))
}

// run runs the bundle in a new container to its end.
func (b *bundle) run() (stdout, stderr string, code int) {
	id := b.next()
	return try(b.command("run", "--bundle="+b.dir, id))
}

// kill kills the latest run's container and does not wait for its end, so that the next can start at once.
func (b *bundle) kill() {
	b.t.Helper()
	id := b.container()
	if _, stderr, code := try(b.command("kill", id, "KILL")); code != 0 {
		b.t.Errorf("kill: status %d\n%s", code, stderr)
	}
	b.id.Store("")
	b.killed = append(b.killed, id)
}

// remove kills and deletes the latest run's container, if there is one.
func (b *bundle) remove() {
	b.t.Helper()
	if id := b.container(); id != "" {
		b.id.Store("")
		b.delete(id)
	}
}

func (b *bundle) removeAll() {
	b.remove()
	for _, id := range b.killed {
		b.delete(id)
	}
}

func (b *bundle) delete(id string) {
	b.t.Helper()
	if _, stderr, code := try(b.command("delete", "--force", id)); code != 0 {
		b.t.Errorf("delete: status %d\n%s", code, stderr)
	}
}
