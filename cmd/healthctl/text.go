//go:build unix

package main

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/healthprobe/healthprobe/internal/text"
)

// word returns a name as one word of a table: as it is, or in quotes if it holds
// anything that a reader might take for the end of the column, or that a
// terminal would not print. No two names give the same word.
func word(name string) string {
	const brailleBlank = '\u2800' // a symbol, but without any dots
	odd := func(r rune) bool {
		return !text.Printable(r) || unicode.IsSpace(r) || r == brailleBlank || r == '"'
	}
	if utf8.ValidString(name) && !strings.ContainsFunc(name, odd) {
		return name
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(name), " ", `\x20`)
}
