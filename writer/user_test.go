//go:build unix

package writer_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/writer"
)

// asNobody runs this test again as another user, in a run directory that others
// can reach, and returns its output.
func asNobody(t *testing.T, runDir string) string {
	t.Helper()
	testenv.Require(t, os.Geteuid() == 0, "only root can become another user")
	must(t, os.Chmod(filepath.Dir(runDir), 0o755))
	must(t, os.Chmod(runDir, 0o755))
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	exe := filepath.Join(runDir, "test")
	must(t, os.WriteFile(exe, self, 0o755))
	cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = runDir
	cmd.Env = append(os.Environ(), "NOBODY="+runDir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

// TestNonRoot: a user can keep state in a directory that was prepared for it,
// and elsewhere is told who it is, where it cannot write and what to do.
func TestNonRoot(t *testing.T) {
	runDir := os.Getenv("NOBODY")
	if runDir == "" {
		runDir = t.TempDir()
		prepared := filepath.Join(runDir, "web")
		must(t, os.Mkdir(prepared, 0o755))
		must(t, os.Chown(prepared, 65532, 65532))
		asNobody(t, runDir)
		return
	}
	u := open(t, runDir)
	must(t, u.Load(context.Background()))
	must(t, u.Set(0))
	want(t, u, "")
	must(t, open(t, runDir).Beat()) // u would not look again so soon
	must(t, u.Reset())

	other, err := writer.Open(writer.WithRunDir(runDir), writer.WithName("other"))
	must(t, err)
	got := ""
	if err := other.Load(context.Background()); err != nil {
		got = err.Error()
	}
	dir := other.Dir()
	if wanted := "load other: mkdir " + dir + ": permission denied: uid 65532 cannot write there: prepare " + dir +
		" for this user, mount an emptyDir or a tmpfs at " + runDir + ", or set LIVENESS_RUNDIR to a directory that it can write to"; got != wanted {
		t.Errorf("got  %s\nwant %s", got, wanted)
	}
}

// TestDroppedPrivileges: root prepares the directory for a user, loads and sets;
// the user can go on from there.
func TestDroppedPrivileges(t *testing.T) {
	if runDir := os.Getenv("NOBODY"); runDir != "" {
		u := open(t, runDir, writer.WithAnyOwner())
		must(t, u.Beat())
		must(t, u.SetReason(3, "db"))
		must(t, u.Set(0))
		want(t, u, "")
		must(t, u.Reset())
		return
	}
	u := open(t, t.TempDir())
	must(t, os.Mkdir(u.Dir(), 0o755))
	if os.Geteuid() == 0 {
		must(t, os.Chown(u.Dir(), 65532, 65532))
	}
	must(t, u.Load(context.Background()))
	must(t, u.SetReason(0, "starting"))
	if out := asNobody(t, u.RunDir()); !strings.Contains(out, "--- PASS: TestDroppedPrivileges") {
		t.Errorf("%s", out)
	}
	want(t, u, "not loaded: no pid in "+u.Dir())
}

// TestGroupOfDirectory: a file gets the directory's group, also where the user is
// the same.
func TestGroupOfDirectory(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "only root can give files away")
	u := open(t, t.TempDir())
	must(t, os.Mkdir(u.Dir(), 0o755))
	must(t, os.Chown(u.Dir(), -1, 65532))
	must(t, u.Load(context.Background()))
	st, err := os.Stat(filepath.Join(u.Dir(), "pid"))
	must(t, err)
	if gid := st.Sys().(*syscall.Stat_t).Gid; gid != 65532 {
		t.Errorf("pid has group %d", gid)
	}
}
