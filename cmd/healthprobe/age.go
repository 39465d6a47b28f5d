package main

import "math/bits"

// parseAge reads a duration above 0, without a sign, as time.ParseDuration does. That
// breaks the rules of the direct entry: it looks up units in a map, and every map is
// empty where the runtime has not started.
func parseAge(s string) (ns int64, ok bool) {
	var sum uint64
	for s != "" {
		whole, n, rest := digits(s)
		fraction := ""
		if rest != "" && rest[0] == '.' {
			var m int
			fraction = rest[1:]
			_, m, rest = digits(fraction)
			n += m
		}
		unit, after := unitOf(rest)
		high, v := bits.Mul64(whole, unit)
		if n == 0 || unit == 0 || high != 0 || v >= 1<<63 {
			return 0, false
		}
		for i := 0; i < len(fraction) && isDigit(fraction[i]); i++ {
			unit /= 10
			v += uint64(fraction[i]-'0') * unit
		}
		if sum += v; sum >= 1<<63 {
			return 0, false
		}
		s = after
	}
	return int64(sum), sum > 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits reads the number at the beginning of s, which has n digits. A number that
// does not fit in an int64 becomes 2^63.
func digits(s string) (v uint64, n int, rest string) {
	for s != "" && isDigit(s[0]) {
		if v <= (1<<63-1)/10 {
			v = v*10 + uint64(s[0]-'0')
		} else {
			v = 1 << 63
		}
		n++
		s = s[1:]
	}
	return v, n, s
}

// unitOf returns the nanoseconds of the unit at the beginning of s, or 0.
func unitOf(s string) (ns uint64, rest string) {
	switch {
	case len(s) >= 2 && s[:2] == "ns":
		return 1, s[2:]
	case len(s) >= 2 && s[:2] == "us":
		return 1e3, s[2:]
	case len(s) >= 3 && (s[:3] == "µs" || s[:3] == "μs"): // U+00B5, U+03BC
		return 1e3, s[3:]
	case len(s) >= 2 && s[:2] == "ms":
		return 1e6, s[2:]
	case len(s) >= 1 && s[0] == 's':
		return 1e9, s[1:]
	case len(s) >= 1 && s[0] == 'm':
		return 60e9, s[1:]
	case len(s) >= 1 && s[0] == 'h':
		return 3600e9, s[1:]
	}
	return 0, s
}
