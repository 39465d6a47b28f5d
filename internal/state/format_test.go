package state

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/internal/text"
)

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"0", "1", "2147483647", "2147483648", "4294967297", "-1", "+5", "007", "", "5 5", "self", "0x0", "9999999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := ParseNumber([]byte(s))
		want, err := strconv.ParseInt(s, 10, 32)
		if wantOK := err == nil && want >= 0 && strconv.FormatInt(want, 10) == s; ok != wantOK || ok && int64(n) != want {
			t.Errorf("ParseNumber(%q) = %d, %v; want %d, %v", s, n, ok, want, wantOK)
		}
		var buf [PidLimit]byte
		if ok && string(FormatNumber(&buf, n)) != s+"\n" {
			t.Errorf("FormatNumber(%d) is not %q and a newline", n, s)
		}
	})
}

var identityForm = regexp.MustCompile(`^([1-9][0-9]{0,9}) ([0-9]+) ([0-9a-f-]+|btime-[0-9]+(-[1-9][0-9]{0,8})?)$`)

func FuzzParseIdentity(f *testing.F) {
	for _, s := range []string{"7 8841 486c9a88-ba8c-457b-bdfb-aeda8afdb737", "1 0 -", "", "7", "7 1", "7 1 - 0", "7  1 -", "7 1x -", "07 1 -", "0 1 -", "7 1 - ", "7 1 G", "7 1 btime-1700000000", "7 1 btime-", "7 1 btime-0x", "7 1 btim",
		"7 1 btime-17-5", "7 1 btime-1-999999999", "7 1 btime-1-1000000000", "7 1 btime-1-", "7 1 btime-1-0", "7 1 btime-1-05", "7 1 btime-1-5-5", "7 1 btime--5", "7 1 btime-1-x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := ParseIdentity([]byte(s))
		m := identityForm.FindStringSubmatch(s)
		want := m != nil && !strings.HasSuffix(s, "\n")
		if want {
			pid, err := strconv.ParseInt(m[1], 10, 32)
			want = err == nil && pid > 0
		}
		if ok != want {
			t.Fatalf("ParseIdentity(%q): %v, want %v", s, ok, want)
		}
		var buf [IdentityLimit]byte
		if got := FormatIdentity(&buf, id); ok && len(s) < IdentityLimit && string(got) != s+"\n" {
			t.Errorf("FormatIdentity returns %q for %q", got, s)
		}
	})
}

func FuzzParseStat(f *testing.F) {
	const tail = " S 1 2 3 0 -1 4194560 100 0 0 0 1 2 3 4 20 0 5 0 8841 1000 200\n"
	for _, comm := range []string{"sleep", "a) Z 1 2", "(((", "))) S", "x\ny", ""} {
		f.Add("7 (" + comm + ")" + tail)
	}
	f.Add("7 (x) S 1")
	f.Add("7 (x) S" + strings.Repeat(" 1", 19)) // cut inside or just behind field 22
	f.Add("7 x S" + strings.Repeat(" 1", 40))
	f.Fuzz(func(t *testing.T, line string) {
		got, ok := ParseStat([]byte(line))
		want, wantOK := slowStat(line)
		if ok != wantOK || ok && (got.State != want.State || got.Threads != want.Threads || !bytes.Equal(got.Start, want.Start)) {
			t.Errorf("ParseStat(%q) = %+v, %v; want %+v, %v", line, got, ok, want, wantOK)
		}
	})
}

// slowStat is ParseStat written the obvious way.
func slowStat(line string) (s Stat, ok bool) {
	_, after, found := strings.Cut(line[strings.LastIndexByte(line, ')')+1:], " ")
	fields := strings.Split(after, " ")
	if !strings.Contains(line, ")") || !found || len(fields) < 21 {
		return s, false
	}
	threads, ok := ParseNumber([]byte(fields[17]))
	if len(fields[0]) != 1 || !ok || !regexp.MustCompile(`\A[0-9]+\z`).MatchString(fields[19]) {
		return s, false
	}
	return Stat{fields[0][0], threads, []byte(fields[19])}, true
}

func TestDead(t *testing.T) {
	for _, c := range []struct {
		s    Stat
		want bool
	}{
		{Stat{State: 'R', Threads: 1}, false}, {Stat{State: 'S', Threads: 9}, false}, {Stat{State: 'T', Threads: 1}, false},
		{Stat{State: 'Z', Threads: 1}, true}, {Stat{State: 'Z', Threads: 0}, true}, {Stat{State: 'Z', Threads: 2}, false},
		{Stat{State: 'X', Threads: 2}, true}, {Stat{State: 'x', Threads: 1}, true},
	} {
		if got := c.s.Dead(); got != c.want {
			t.Errorf("%+v: dead %v", c.s, got)
		}
	}
}

func TestUnitProblem(t *testing.T) {
	for name, ok := range map[string]bool{
		"": false, ".": false, "..": false, "a/b": false, "a\x00": false, strings.Repeat("x", 256): false,
		"web": true, "...": true, "a\nb": true, "\xff": true, strings.Repeat("x", 255): true,
	} {
		if got := UnitProblem(name); (got == "") != ok {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestRunDirProblem(t *testing.T) {
	for dir, ok := range map[string]bool{"": false, "run": false, "./run": false, "../run": false, " /run": false, "/": true, "/run": true, "/a/../b": true} {
		if got := RunDirProblem(dir); (got == "") != ok {
			t.Errorf("%q: %q", dir, got)
		}
	}
}

func TestReason(t *testing.T) {
	var buf [ReasonLimit]byte
	for pad := range 3 { // so that a sequence is cut at each of its bytes, and at none
		long := FormatReason(&buf, 3, strings.Repeat("x", pad)+strings.Repeat("é", 400))
		if len(long) > ReasonLimit || len(long) < ReasonLimit-2 || !utf8.Valid(long) || bytes.Contains(long, []byte("?")) || long[len(long)-1] != '\n' {
			t.Errorf("%d bytes: %q", len(long), long)
		}
	}
	if exact := FormatReason(&buf, 3, strings.Repeat("x", ReasonLimit-len("3 \n"))); len(exact) != ReasonLimit {
		t.Errorf("%d bytes", len(exact))
	}
	b := FormatReason(&buf, 3, "db\nunreachable\x1b[2J")
	if string(b) != "3 db unreachable?[2J\n" {
		t.Errorf("%q", b)
	}
	if reason, ok := ParseReason(text.Trim(b), 3); !ok || string(reason) != "db unreachable?[2J" {
		t.Errorf("%q %v", reason, ok)
	}
	if _, ok := ParseReason(text.Trim(b), 4); ok {
		t.Error("a reason for another code was taken")
	}
}

// TestNoAllocation: everything works in the caller's buffers.
func TestNoAllocation(t *testing.T) {
	var r Reader
	var number [PidLimit]byte
	var identity [IdentityLimit]byte
	var reason [ReasonLimit]byte
	line := []byte("7 (x) S 1 2 3 0 -1 4194560 100 0 0 0 1 2 3 4 20 0 5 0 8841 1000 200\n")
	pid := int32(os.Getpid())
	testenv.CheckAllocations(t, 100, func() {
		ParseNumber(text.Trim(FormatNumber(&number, pid)))
		id, _ := ParseIdentity(text.Trim(FormatIdentity(&identity, Identity{7, []byte("8841"), []byte("-")})))
		ParseStat(line)
		r.bootTime(statPath, "/etc/passwd", "/")
		r.Verify(id)
		r.Lookup(pid)
		ParseReason(text.Trim(FormatReason(&reason, 3, "db unreachable")), 3)
	})
}
