package text

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// unprintableTables are the categories and properties that Printable excludes.
// Unassigned characters are not among them, but for those that Unicode reserves
// as invisible: a newer Unicode than this one may have made them letters.
var unprintableTables = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Cs, unicode.Co, unicode.Zl, unicode.Zp,
	unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point,
}

// TestPrintable compares Printable with package unicode for every character.
func TestPrintable(t *testing.T) {
	for r := rune(-1); r <= unicode.MaxRune+1; r++ {
		want := 0 <= r && r <= unicode.MaxRune && !unicode.In(r, unprintableTables...)
		if got := Printable(r); got != want {
			t.Errorf("Printable(%U) = %v, want %v (Unicode %s)", r, got, want, unicode.Version)
		}
	}
}

// TestSanitize checks what becomes of every character, alone and in the middle
// of text.
func TestSanitize(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r)
		want := s
		switch {
		case strings.ContainsRune(" \t\n\v\f\r", r):
			want = " "
		case unicode.In(r, unprintableTables...):
			want = strings.Repeat("?", len(s))
		}
		for _, around := range [][2]string{{"", ""}, {"x", "x"}, {"é", "é"}, {"日", "日"}, {"😀", "😀"}, {"\u202e", "???"}} {
			b := []byte(around[0] + s + around[0])
			if Sanitize(b); string(b) != around[1]+want+around[1] {
				t.Fatalf("%U in %q became %q", r, around[0], b)
			}
		}
	}
}

// TestSanitizeText shows texts of the kinds that have been used to deceive, and
// some that must stay readable.
func TestSanitizeText(t *testing.T) {
	for text, want := range map[string]string{
		"error 3\u202e: yhtlaeh":     "error 3???: yhtlaeh", // bidirectional controls
		"\u2066a\u2069\u200e\u061c":  "???a????????",
		"one\u2028two\u2029three":    "one???two???three", // separators
		"we\u200bb\u2060\ufeff":      "we???b??????",      // of no width
		"we\u00adb":                  "we??b",             // soft hyphen
		"a\U000e0041\U000e007f":      "a????????",         // tags
		"web\ufe0f\U000e0100":        "web???????",        // variation selectors
		"\u180e\ufff9a\ufffab\ufffb": "??????a???b???",    // Mongolian, annotations
		"\u3164\u115f\uffa0\u034f":   "???????????",       // fillers
		"\ue000\U0010ffff\ufffe":     "??????????",        // private use, noncharacters
		"\x1b]0;title\a\u009b2J":     "?]0;title???2J",
		"gr\xfcn \xed\xa0\x80":       "gr?n ???", // Latin-1, a surrogate: not UTF-8
		"grün, naïve, 日本語, عربى":     "grün, naïve, 日本語, عربى",
		"e\u0301 नमस्ते ไม่ได้ 😀👍🏽 €":  "e\u0301 नमस्ते ไม่ได้ 😀👍🏽 €",
		"trois\u00a0: \u3000全角 \ufffd": "trois\u00a0: \u3000全角 \ufffd",
	} {
		b := []byte(text)
		if Sanitize(b); string(b) != want {
			t.Errorf("%q became %q, want %q", text, b, want)
		}
	}
}

func FuzzSanitize(f *testing.F) {
	for _, s := range []string{"a\tb", "\u0085x", "\xff\x01", "日本\u009b", "\xc2", "\x7f", "\u202e\u2066", "\U000e0041", "\xe2\x80", "\ufeff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		Sanitize(b)
		if len(b) != len(s) || !utf8.Valid(b) {
			t.Fatalf("%q became %q", s, b)
		}
		for _, r := range string(b) {
			if !Printable(r) {
				t.Fatalf("%q became %q", s, b)
			}
		}
	})
}

// TestPut: what has no room is cut, and an offset outside dst changes nothing.
func TestPut(t *testing.T) {
	for _, c := range []struct {
		n    int
		s    string
		end  int
		want string
	}{
		{0, "", 0, "...."}, {0, "ab", 2, "ab.."}, {2, "cd", 4, "..cd"}, {3, "cd", 4, "...c"}, {4, "e", 4, "...."},
		{0, "abcdef", 4, "abcd"}, {5, "a", 5, "...."}, {-1, "a", -1, "...."},
	} {
		dst := []byte("....")
		if end := Put(dst, c.n, c.s); end != c.end || string(dst) != c.want {
			t.Errorf("Put(%d, %q) returns %d and writes %q", c.n, c.s, end, dst)
		}
	}
}

// TestClip cuts no UTF-8 sequence.
func TestClip(t *testing.T) {
	for limit, want := range []string{"", "a", "a", "aé", "aé", "aé", "aé日", "aé日"} {
		if got := string(Clip([]byte("aé日"), limit)); got != want {
			t.Errorf("%d: %q", limit, got)
		}
	}
}

func TestPutNumber(t *testing.T) {
	for _, n := range []int64{0, 7, 10, 2147483647, 1<<63 - 1} {
		dst := make([]byte, 30)
		if got, want := string(dst[:PutNumber(dst, 2, n)]), fmt.Sprintf("\x00\x00%d", n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestPrefix(t *testing.T) {
	b := []byte("abc")
	for n, want := range map[int]string{-1: "", 0: "", 2: "ab", 3: "abc", 4: ""} {
		if got := Prefix(b, n); string(got) != want || (got == nil) != (n < 0 || n > len(b)) {
			t.Errorf("%d: %q", n, got)
		}
	}
}
