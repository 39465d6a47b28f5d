package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/healthprobe/healthprobe/internal/state"
)

// word returns a name as one word of a table: as it is, or in quotes if it holds
// anything that a reader might take for the end of the column, or that a
// terminal would not print. No two names give the same word.
func word(name string) string {
	const brailleBlank = '\u2800' // a symbol, but without any dots
	odd := func(r rune) bool {
		return !state.Printable(r) || unicode.IsSpace(r) || r == brailleBlank || r == '"'
	}
	if utf8.ValidString(name) && !strings.ContainsFunc(name, odd) {
		return name
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(name), " ", `\x20`)
}

// writeJSON writes v as JSON. What is not printable is escaped, which leaves the
// values as they are, because a terminal may show the JSON as well.
func writeJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	var out strings.Builder
	for _, r := range string(text) {
		switch {
		case r == '\n' || state.Printable(r):
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	_, err = fmt.Fprintln(w, out.String())
	return err
}
