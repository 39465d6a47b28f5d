package state

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

// String returns b as a string without copying. The string changes with b.
func String(b []byte) string { return *(*string)(unsafe.Pointer(&b)) }

// Digits writes n, which is not negative, in decimal at the end of buf.
func Digits(buf *[20]byte, n int64) []byte {
	for i := len(buf) - 1; i > 0; i-- {
		buf[i] = byte('0' + n%10)
		if n /= 10; n <= 0 {
			return buf[i:]
		}
	}
	return buf[:]
}

// Sanitize makes text fit for one line on a terminal, in place and byte for
// byte: white space becomes a blank. Other control characters (C0, DEL, C1)
// and, in text that is not UTF-8, all bytes above 0x7f become question marks.
func Sanitize(b []byte) {
	utf := utf8.Valid(b)
	prev := (*byte)(nil)
	for i := range b {
		p := &b[i]
		c := *p
		switch {
		case isSpace(c):
			*p = ' '
		case c < ' ' || c == 0x7f || c > 0x7f && !utf:
			*p = '?'
		case prev != nil && *prev == 0xc2 && c < 0xa0: // U+0080 to U+009F
			*prev, *p = '?', '?'
		}
		prev = p
	}
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
	return upTo(b, limit)
}
