//go:build linux

package entry

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestCannotStart forbids arch_prctl, without which the direct entry cannot run
// any Go code on amd64. The stub itself has to say so then, on one line that
// docs/messages.md explains, and exit with 1 whether or not anybody reads it.
func TestCannotStart(t *testing.T) {
	testenv.Require(t, runtime.GOARCH == "amd64", "only amd64 needs arch_prctl")
	docs, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	const start = "unhealthy: healthprobe cannot start: "
	_, line, found := strings.Cut(string(docs), "\n"+start)
	line, _, _ = strings.Cut(line, "\n")
	if !found {
		t.Fatalf("docs/messages.md has no line %q", start)
	}
	read, unread, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer unread.Close()
	f := newFixture(t, "web")
	for _, test := range []struct {
		name string
		how  invocation
		want result
	}{
		{"as usual", invocation{}, result{status: 1, err: start + line + "\n"}},
		{"with -v", invocation{args: []string{"-v"}}, result{status: 1, err: start + line + "\n"}},
		{"no error", invocation{close: [3]bool{2: true}}, result{status: 1}},
		{"error unread", invocation{files: [3]*os.File{2: unread}}, result{status: 1}},
	} {
		test.how.env = []string{reexecEnv + "=without arch_prctl"}
		argv := append([]string{testBinary(t), directEntry(t)}, f.flags(test.how.args...)...)
		got, err := test.how.run(argv)
		if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	if len(start+line) >= 1000 {
		t.Errorf("%d bytes are too long for a line", len(start+line))
	}
}
