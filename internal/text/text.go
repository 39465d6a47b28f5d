// Package text puts text together where nothing may allocate: in the direct entry of
// healthprobe, whose rules it obeys, and it is what both programs print from.
package text

import (
	"unicode/utf8"
	"unsafe"
)

// Put copies s into dst from n on, as far as there is room, and returns the new
// n: append for code that must not allocate. It copies byte by byte, because
// the texts are short and memmove is far from all other code that the probe
// runs: calling it costs a page fault, and 64 KB of memory.
func Put(dst []byte, n int, s string) int {
	if n < 0 || n > len(dst) {
		return n
	}
	dst = dst[n:]
	for i := range dst {
		if i >= len(s) {
			break
		}
		dst[i] = s[i]
		n++
	}
	return n
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

// Same reports whether a and b are equal, as == does, which calls code that is far
// away as well.
func Same(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// PutNumber is Put for n in decimal. n is not negative.
func PutNumber(dst []byte, at int, n int64) int {
	var buf [20]byte
	return Put(dst, at, String(digits(&buf, n)))
}

// digits writes n at the end of buf.
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

// Sanitize makes text fit for one line on a terminal, in place and byte for
// byte, so that its length stays: ASCII white space becomes a blank, and each
// byte of a character that is not Printable a question mark. In text that is not
// UTF-8, so do all bytes above 0x7f.
func Sanitize(b []byte) {
	utf := utf8.Valid(b)
	first, r, more := 0, rune(0), 0 // the character so far: where it begins, its value, how many bytes follow
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

// Printable reports whether a character is printed where it stands and can be
// seen there. Others could hide a part of a line, put it in another order or end
// it: controls (categories Cc, Cf, Zl, Zp), private use, surrogates and
// noncharacters, of which nobody knows what they look like, and what Unicode
// displays as nothing (Default_Ignorable_Code_Point), such as variation selectors
// and fillers. (So an emoji that several make up, with joiners, comes apart.)
//
// Every other letter, mark, symbol and blank is printable, and also what is not
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

// unprintable are the first and the last character of each range, from U+00A0
// on. TestPrintable holds them against package unicode, which cannot be used
// here: it does not obey the rules of the direct entry.
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
	{0x200b, 0x200f},    // of no width, joiners, left-to-right and right-to-left mark
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
