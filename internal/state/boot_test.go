//go:build unix

package state

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/healthprobe/healthprobe/internal/sys"
	"github.com/healthprobe/healthprobe/internal/text"
	"golang.org/x/sys/unix"
)

// TestBootTime finds the line wherever the file is cut, and no other that looks
// like it.
func TestBootTime(t *testing.T) {
	for content, want := range map[string]string{
		"cpu  1 2\nintr 5 0 0\nctxt 9\nbtime 1763999999\nprocesses 7\n": "btime-1763999999",
		"cpu\n\nbtime 5":                         "btime-5",
		"cpu btime 1\nxbtime 2\nbtim\nbtime 3\n": "btime-3",
		"cpu 1\nbtimes 4\n":                      "btime-",
	} {
		for size := 1; size <= len(content); size++ {
			var dst [64]byte
			s := bootTimeScanner{n: text.Put(dst[:], 0, bootTimePrefix)}
			for rest := content; rest != ""; {
				n := min(size, len(rest))
				s.scan([]byte(rest[:n]), dst[:])
				rest = rest[n:]
			}
			if got := string(dst[:s.n]); got != want {
				t.Errorf("%q in pieces of %d: %q, want %q", content, size, got, want)
			}
		}
	}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	for marker, more := range map[string]string{
		"/etc/nonexistent": "",
		"/etc/passwd":      fmt.Sprintf("-%d", changed(t, "/")),
	} {
		id, e := new(Reader).bootTime(statPath, marker, "/")
		if _, ok := ParseIdentity([]byte("7 1 " + string(id))); e != 0 || !ok {
			t.Errorf("%q %v", id, e)
		}
		seconds, ok := strings.CutSuffix(string(id), more)
		if !ok || !strings.Contains(string(stat), "\nbtime "+strings.TrimPrefix(seconds, bootTimePrefix)+"\n") {
			t.Errorf("%q, want the time in /proc/stat and %q", id, more)
		}
	}
	for _, test := range []struct {
		stat, marker string
		e            syscall.Errno
	}{
		{statPath, "/proc/self", syscall.ELOOP}, // a symbolic link
		{"/etc/nonexistent", "/etc/passwd", syscall.ENOENT},
		{"/proc/version", "/etc/passwd", syscall.ENOENT}, // has no such line
	} {
		if id, e := new(Reader).bootTime(test.stat, test.marker, "/"); e != test.e {
			t.Errorf("%s, %s: %q, %v, want %v", test.stat, test.marker, id, e, test.e)
		}
	}
}

// changed returns the nanoseconds of a file's change time.
func changed(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	_, nsec := st.Ctim.Unix()
	if nsec == 0 {
		t.Skip("no nanoseconds here")
	}
	return nsec
}

// TestSandboxTime: what is not there, or not for this user, is no time. Other errors are errors, and
// every descriptor is closed.
func TestSandboxTime(t *testing.T) {
	free := func() int {
		fd, e := sys.OpenAt(-1, new(Reader).named("/etc/passwd"))
		if e != 0 {
			t.Fatal(e)
		}
		sys.Close(fd)
		return fd
	}
	before := free()
	for _, test := range []struct {
		marker, dir string
		want        int64
		e           syscall.Errno
	}{
		{"/etc/passwd", "/", changed(t, "/"), 0},
		{"/etc/nonexistent", "/", 0, 0},
		{"/etc/passwd/x", "/", 0, 0},
		{"/etc/passwd", "/nonexistent", 0, 0},
		{"/etc/passwd", "/etc/passwd", 0, 0},
		{"/proc/self", "/", 0, syscall.ELOOP}, // a symbolic link
	} {
		if test.e != 0 && runtime.GOOS != "linux" {
			continue
		}
		if got, e := new(Reader).sandboxTime(test.marker, test.dir); got != test.want || e != test.e {
			t.Errorf("%s, %s: %d, %v; want %d, %v", test.marker, test.dir, got, e, test.want, test.e)
		}
	}
	if after := free(); after != before {
		t.Errorf("descriptor %d is open", before)
	}
}

// TestSameBoot: two times are of one boot if they agree in what both have. A boot id is compared as a whole.
func TestSameBoot(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"btime-17", "btime-17", true},
		{"btime-17-5", "btime-17-5", true},
		{"btime-17", "btime-17-5", true},
		{"btime-17-5", "btime-17-6", false},
		{"btime-17-5", "btime-17-52", false},
		{"btime-17", "btime-18", false},
		{"btime-17", "btime-176", false},
		{"btime-17", "btime-18-5", false},
		{"btime-", "btime--5", false},
		{"486c9a88-ba8c", "486c9a88-ba8c", true},
		{"486c9a88-ba8c", "486c9a88-ba8d", false},
		{"486c9a88", "486c9a88-ba8c", false},
		{"17", "btime-17", false},
	} {
		for range 2 {
			if same := sameBoot([]byte(test.a), []byte(test.b)); same != test.same {
				t.Errorf("%s and %s: %v", test.a, test.b, same)
			}
			test.a, test.b = test.b, test.a
		}
	}
}
