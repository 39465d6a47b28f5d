//go:build linux

package exec

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestEmulated runs the start symbol of the other architecture that has one, under
// qemu-user, which hands signals on to the machine's kernel.
func TestEmulated(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	testenv.Require(t, other != "", "there is no start symbol on %s, and so no other", runtime.GOARCH)
	testenv.LookPath(t, "env", "coreutils")
	arch := testenv.Archs[slices.IndexFunc(testenv.Archs, func(a testenv.Arch) bool { return a.Name == other })]
	dir := newDir(t)
	if err := testenv.Build(dir, testenv.Options{Arch: arch}); err != nil {
		t.Fatal(err)
	}
	argv := arch.Command(t, filepath.Join(dir, "healthctl"))
	if argv == nil {
		t.Skip("see above")
	}
	signals := func(command ...string) string {
		t.Helper()
		argv := slices.Concat([]string{"--ignore-signal=PIPE,USR1,TERM,CHLD,RTMIN", "--block-signal=TERM,USR2,CHLD,URG"}, command, []string{"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"})
		cmd := exec.Command("env", argv...)
		cmd.Env = environment(dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		return string(out)
	}
	if got, want := signals(append(argv, "exec")...), signals(); got != want {
		t.Errorf("with healthctl:\n%swithout:\n%s", got, want)
	}
}
