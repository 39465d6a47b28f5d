// Package text builds the lines that both programs print, without allocating: it
// obeys the rules of healthprobe's direct entry.
package text

import (
	"unicode/utf8"
	"unsafe"
)

// Put copies as much of s into dst, from offset n, as there is room for, and returns
// the offset of what follows: append for code that must not allocate.
func Put(dst []byte, n int, s string) int {
	if n < 0 || n > len(dst) {
		return n
	}
	return n + copy(dst[n:], s)
}

// PutByte is Put for one byte.
func PutByte(dst []byte, n int, c byte) int {
	if n < 0 || n >= len(dst) {
		return n
	}
	dst[n] = c
	return n + 1
}

// String returns b as a string without copying. The string changes with b.
func String(b []byte) string { return *(*string)(unsafe.Pointer(&b)) }

// PutNumber is Put for v in decimal. v is not negative.
func PutNumber(dst []byte, n int, v int64) int {
	var buf [20]byte
	return Put(dst, n, String(digits(&buf, v)))
}

// digits writes n, in decimal, at the end of buf.
func digits(buf *[20]byte, n int64) []byte {
	for i := len(buf) - 1; i > 0; i-- {
		buf[i] = byte('0' + n%10)
		if n /= 10; n <= 0 {
			return buf[i:]
		}
	}
	return buf[:]
}

// Prefix returns b[:n], or nil where that would panic.
func Prefix(b []byte, n int) []byte {
	if n < 0 || n > len(b) {
		return nil
	}
	return b[:n]
}

// Trim cuts ASCII white space from both ends.
func Trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// Sanitize makes text safe to print on one line of a terminal. It works in place and
// keeps the length: ASCII white space becomes a blank, and each byte of a character
// that is not Printable becomes a question mark. If the text is not UTF-8, so does
// every byte above 0x7f.
func Sanitize(b []byte) {
	utf := utf8.Valid(b)
	first, r, more := 0, rune(0), 0 // the current character: its offset, its value so far, the bytes to come
	for i := range b {
		p := &b[i]
		switch c := *p; {
		case isSpace(c):
			*p = ' '
		case c < ' ' || c == 0x7f || c > 0x7f && !utf:
			*p = '?'
		case c >= 0xf0:
			first, r, more = i, rune(c&0x07), 3
		case c >= 0xe0:
			first, r, more = i, rune(c&0x0f), 2
		case c >= 0xc0:
			first, r, more = i, rune(c&0x1f), 1
		case c >= 0x80:
			r = r<<6 | rune(c&0x3f)
			if more--; more == 0 && !Printable(r) {
				for j := uint(first); j <= uint(i) && j < uint(len(b)); j++ {
					b[j] = '?'
				}
			}
		}
	}
}

// Printable reports whether a terminal shows a character, and shows it in its place.
// Others could hide part of a line, reorder it or end it. They are the controls
// (categories Cc, Cf, Zl, Zp); private use, surrogates and noncharacters, which have no
// agreed appearance; and what Unicode says to display as nothing
// (Default_Ignorable_Code_Point), such as variation selectors and fillers. (An emoji
// composed of several with joiners therefore comes apart.)
//
// Every other letter, mark, symbol and blank is printable, and so is what is not
// assigned yet: a terminal may know a newer Unicode.
func Printable(r rune) bool {
	if r < 0xa0 {
		return ' ' <= r && r < 0x7f
	}
	if r > utf8.MaxRune || r&0xfffe == 0xfffe { // the last two of each plane are noncharacters
		return false
	}
	for i := range unprintable {
		if p := &unprintable[i]; p[0] <= r && r <= p[1] {
			return false
		}
	}
	return true
}

// unprintable has the first and last character of each range above U+00A0.
// TestPrintable compares it with package unicode, which breaks the rules of the
// direct entry.
var unprintable = [...][2]rune{
	{0x00ad, 0x00ad},    // soft hyphen
	{0x034f, 0x034f},    // combining grapheme joiner
	{0x0600, 0x0605},    // Arabic: signs above a number
	{0x061c, 0x061c},    // Arabic letter mark
	{0x06dd, 0x06dd},    // Arabic: end of verse
	{0x070f, 0x070f},    // Syriac abbreviation mark
	{0x0890, 0x0891},    // Arabic: marks above currency
	{0x08e2, 0x08e2},    // Arabic: disputed end of verse
	{0x115f, 0x1160},    // Hangul fillers
	{0x17b4, 0x17b5},    // Khmer inherent vowels
	{0x180b, 0x180f},    // Mongolian variation selectors and vowel separator
	{0x200b, 0x200f},    // zero-width space, joiners, left-to-right and right-to-left mark
	{0x2028, 0x202e},    // line and paragraph separator, embeddings and overrides
	{0x2060, 0x206f},    // word joiner, invisible operators, isolates
	{0x3164, 0x3164},    // Hangul filler
	{0xd800, 0xf8ff},    // surrogates, private use
	{0xfdd0, 0xfdef},    // noncharacters
	{0xfe00, 0xfe0f},    // variation selectors
	{0xfeff, 0xfeff},    // byte order mark
	{0xffa0, 0xffa0},    // halfwidth Hangul filler
	{0xfff0, 0xfffb},    // reserved, interlinear annotations
	{0x110bd, 0x110bd},  // Kaithi number sign
	{0x110cd, 0x110cd},  // Kaithi number sign above
	{0x13430, 0x1343f},  // Egyptian hieroglyphs: layout
	{0x1bca0, 0x1bca3},  // shorthand: layout
	{0x1d173, 0x1d17a},  // music: beams, slurs
	{0xe0000, 0xe0fff},  // tags, variation selectors
	{0xf0000, 0x10ffff}, // private use
}

// Clip returns the longest start of b that has at most limit bytes and does not
// end inside a UTF-8 sequence.
func Clip(b []byte, limit int) []byte {
	if len(b) <= limit {
		return b
	}
	for limit > 0 && limit < len(b) && !utf8.RuneStart(b[limit]) {
		limit--
	}
	return Prefix(b, limit)
}
