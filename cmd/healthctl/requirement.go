//go:build linux

package main

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errRequirement = errors.New(`want notify, listen:PORT, the path of a check, or a check with arguments such as '["/redis-cli","-e","ping"]'`)

// parseRequirement parses the value of -ready.
func parseRequirement(s string) (r requirement, err error) {
	port, listens := strings.CutPrefix(s, "listen:")
	switch {
	case s == "notify":
		return requirement{notify: true}, nil
	case listens:
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return r, errors.New("want a port from 1 to 65535")
		}
		return requirement{port: uint16(n)}, nil
	case strings.HasPrefix(s, "/"):
		return requirement{check: []string{s}}, nil
	}
	argv, ok := parseExecForm(s)
	if !ok || len(argv) == 0 || argv[0] == "" {
		return r, errRequirement
	}
	return requirement{check: argv}, nil
}

// parseExecForm parses a JSON array of strings, the form that Docker calls exec form.
// Package encoding/json would make the program larger by a tenth to a third.
func parseExecForm(s string) (words []string, ok bool) {
	next := func(token string) bool {
		s = strings.TrimLeft(s, " \t\r\n")
		rest, found := strings.CutPrefix(s, token)
		if found {
			s = rest
		}
		return found
	}
	if !next("[") {
		return nil, false
	}
	for first := true; !next("]"); first = false {
		if !first && !next(",") || !next(`"`) {
			return nil, false
		}
		var word string
		if word, s, ok = parseJSONString(s); !ok {
			return nil, false
		}
		words = append(words, word)
	}
	next("")
	return words, s == ""
}

// parseJSONString parses what follows the opening quotation mark.
func parseJSONString(s string) (word, rest string, ok bool) {
	var b strings.Builder
	for len(s) > 0 {
		c := s[0]
		switch {
		case c == '"':
			return b.String(), s[1:], utf8.ValidString(b.String()) && !strings.Contains(b.String(), "\x00")
		case c < ' ':
			return "", "", false
		case c != '\\':
			b.WriteByte(c)
			s = s[1:]
			continue
		}
		if len(s) < 2 {
			return "", "", false
		}
		if plain := strings.IndexByte(`"\/bfnrt`, s[1]); plain >= 0 {
			b.WriteByte("\"\\/\b\f\n\r\t"[plain])
			s = s[2:]
			continue
		}
		// \u0041, and pairs of them for what is beyond 16 bits
		r, n := parseEscape(s)
		if n == 0 {
			return "", "", false
		}
		b.WriteRune(r)
		s = s[n:]
	}
	return "", "", false
}

// parseEscape parses one \uXXXX, or two that are a surrogate pair. n is 0 if it is wrong.
func parseEscape(s string) (r rune, n int) {
	unit := func(s string) (rune, bool) {
		if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
			return 0, false
		}
		v, err := strconv.ParseUint(s[2:6], 16, 16)
		return rune(v), err == nil
	}
	r, ok := unit(s)
	if !ok {
		return 0, 0
	}
	if r < 0xd800 || r > 0xdfff {
		return r, 6
	}
	low, ok := unit(s[6:])
	if !ok || r > 0xdbff || low < 0xdc00 || low > 0xdfff {
		return 0, 0
	}
	return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
}
