//go:build linux

package entry

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestYear2100 checks the heartbeat where seconds have long left 32 bits behind: the
// clock says so as strace makes it, and the file's time is real. And it checks that
// a 32-bit program still has a heartbeat where the new system calls that it takes
// are unknown to the kernel or to a seccomp filter.
func TestYear2100(t *testing.T) {
	strace := testenv.LookPath(t, "strace", "strace")
	for _, e := range directEntries(t) {
		if e.emulated {
			continue
		}
		file, clock, _ := strings.Cut(times(e.arch.Name), ", ")
		now := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		var timespec [16]byte // seconds and nanoseconds
		binary.NativeEndian.PutUint64(timespec[:], uint64(now.Unix()))
		set := clock + ":poke_exit=@arg2=" + hex.EncodeToString(timespec[:])
		tests := []struct {
			name   string
			age    time.Duration // of error, at now
			now    time.Time
			inject []string
			want   string // the end of the line; "" if healthy
		}{
			{"fresh", 5 * time.Second, now, []string{set}, ""},
			{"old", time.Hour, now, []string{set}, "no heartbeat for 3600s (limit 60s)\n"},
			{"in the future", -time.Hour, now, []string{set}, "is dated 3600s in the future (limit 60s): was the clock set back?\n"},
		}
		for _, code := range []string{"ENOSYS", "EPERM"} {
			unknown := []string{file + ":error=" + code, clock + ":error=" + code}
			tests = append(tests, tests[0])
			last := &tests[len(tests)-1]
			last.name, last.now, last.inject = "unknown calls: "+code, time.Now(), unknown
			if file != "statx" { // these are the old ones: no other can take their place
				last.want = "cannot read"
			}
		}
		for _, test := range tests {
			f := newFixture(t, "web")
			set := test.now.Add(-test.age)
			if err := os.Chtimes(f.path(state.ErrorFile), set, set); err != nil {
				t.Fatal(err)
			}
			argv := []string{"-qq", "-o", os.DevNull}
			for _, inject := range test.inject {
				argv = append(argv, "-e", "inject="+inject)
			}
			cmd := exec.Command(strace, append(append(argv, e.argv...), f.flags("-max-age", "60s")...)...)
			out, err := cmd.CombinedOutput()
			if healthy := err == nil && len(out) == 0; healthy != (test.want == "") || !strings.Contains(string(out), test.want) {
				t.Errorf("%s: %s: %v: %q, want %q", e.name, test.name, err, out, test.want)
			}
		}
	}
}
