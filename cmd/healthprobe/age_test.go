package main

import (
	"math"
	"testing"
	"time"
)

// parseAge promises to read what time.ParseDuration reads, and the seeds run in
// every go test.
func FuzzParseAge(f *testing.F) {
	for _, s := range []string{
		"60s", "1m30s", "1h", "1.5h", "2h45m30.5s", "100ms", "5us", "5µs", "5μs", "7ns", "1.s", ".5s", "1h1h", "007s", "0.000000001s",
		"", "0", "0s", "-1s", "+1s", "s", ".s", ".", "1", "1.5", "1x", "1S", "1 s", " 1s", "1s ", "1e3s", "1..5s", "1.5.5s", "1m30",
		"1d", "µ", "5\xc2s", "5\xc2", "1\x00s", "1_000s", "0x1s", "١s", "1sm", "m1s", "infs", "n", "u", "1u", "1n",
		"9223372036854775807ns", "9223372036854775808ns", "18446744073709551615ns", "18446744073709551617ns", "10000000000000000000000s",
		"1152921504606846976ns", "1152921504606846977ns", "2000000000000000000ns", "2562047h47m16.854775807s", "2562047h47m16.854775808s",
		"2562047h48m", "2562048h", "5124095h", "9223372036s854775808ns", "99999999999999999999h", "9223372036854775807ns1ns",
		"0.99999999999999999999999999999999s", "1.00000000000000000000000000001s", "0.9223372036854775808h", "0.1ns", "0.9ns", "1.9ns",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseAge(s)
		d, err := time.ParseDuration(s)
		want := int64(d)
		wantOK := err == nil && want > 0 && s[0] != '+' // a sign is of no use here
		// ParseDuration multiplies fractions as floating point, parseAge cuts
		// each digit to whole nanoseconds: neither is off by more than this.
		const near = 100
		switch {
		case ok && got <= 0,
			ok && wantOK && max(got-want, want-got) > near,
			!ok && wantOK && near < want && want < math.MaxInt64-near,
			ok && !wantOK && near < got && got < math.MaxInt64-near:
			t.Errorf("parseAge(%q) = %d, %v, want %d, %v", s, got, ok, want, err)
		}
	})
}

// TestParseAge is about the times that are exact, where nothing may be off.
func TestParseAge(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"60s": time.Minute, "1m30s": 90 * time.Second, "1.5h": 90 * time.Minute, "0.000000001s": 1, "1ns": 1, ".5ms": 500 * time.Microsecond,
		"9223372036854775807ns": math.MaxInt64, "2562047h47m16.854775807s": math.MaxInt64,
		"0": 0, "0s": 0, "-5s": 0, "+5s": 0, "9223372036854775808ns": 0, "2562047h47m16.854775808s": 0,
	} {
		if got, ok := parseAge(s); got != int64(want) || ok != (want > 0) {
			t.Errorf("parseAge(%q) = %d, %v, want %d", s, got, ok, want)
		}
	}
}
