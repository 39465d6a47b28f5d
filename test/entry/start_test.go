//go:build linux

package entry

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestCannotStart forbids the system call that sets up thread-local storage, without
// which the direct entry cannot run any Go code on amd64 and 386. The stub itself has
// to say so then, on one line that docs/messages.md explains, and exit with 1 whether
// or not anybody reads it.
func TestCannotStart(t *testing.T) {
	testenv.Require(t, runtime.GOARCH == "amd64", "only amd64 and 386 need thread-local storage")
	docs, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	read, unread, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer unread.Close()
	f := newFixture(t, "web")
	needs := map[string]string{"amd64": "arch_prctl", "386": "set_thread_area"}
	for _, e := range directEntries(t) {
		if needs[e.arch.Name] == "" {
			continue
		}
		line := "unhealthy: healthprobe cannot start: seccomp forbids " + needs[e.arch.Name] + ": allow it in the container's seccomp profile\n"
		if !strings.Contains(string(docs), line) {
			t.Errorf("docs/messages.md has no line %q", line)
		}
		if len(line) > 1000 {
			t.Errorf("%d bytes are too long for a line", len(line))
		}
		for _, test := range []struct {
			name string
			how  invocation
			want result
		}{
			{"as usual", invocation{}, result{status: 1, err: line}},
			{"with -v", invocation{args: []string{"-v"}}, result{status: 1, err: line}},
			{"no error", invocation{close: [3]bool{2: true}}, result{status: 1}},
			{"error unread", invocation{files: [3]*os.File{2: unread}}, result{status: 1}},
		} {
			test.how.env = []string{reexecEnv + "=without thread-local storage"}
			argv := append([]string{testBinary(t), e.argv[0]}, f.flags(test.how.args...)...)
			got, err := test.how.run(argv)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("%s: %s: got %v, want %v", e.name, test.name, got, test.want)
			}
		}
	}
}
