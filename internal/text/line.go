package text

import "syscall"

// LineLimit is the maximum length of a line, newline included: kubectl and docker
// show it, and it must stay one line.
const LineLimit = 1000

// Line is one line of text under construction. What does not fit is cut off.
type Line struct {
	n int
	b [LineLimit]byte
}

// Text adds s as it is. Inlined into every message it would add 16 KB to the program.
//
//go:noinline
func (l *Line) Text(s string) *Line {
	l.n = Put(l.b[:LineLimit-1], l.n, s)
	return l
}

// Printable adds text from elsewhere: sanitized, and if it is longer than limit
// bytes, cut there and followed by dots.
func (l *Line) Printable(s string, limit int) *Line {
	from := l.n
	if limit < 0 {
		return l
	}
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	l.Text(s)
	if to := l.n; from >= 0 && from <= to && to <= len(l.b) {
		added := l.b[from:to]
		if cut { // possibly inside a UTF-8 sequence
			added = Clip(added, len(added)-1)
			l.n = from + len(added)
		}
		Sanitize(added)
	}
	if cut {
		l.Text("...")
	}
	return l
}

// Path adds a path. If it is too long for a line, only its end is shown.
func (l *Line) Path(dir, unit, file string) *Line {
	const room = 200
	if len(dir) > room {
		l.Text("...")
		dir = dir[len(dir)-room:]
	}
	l.Printable(dir, room).Text("/").Printable(unit, 255)
	if file != "" {
		l.Text("/").Text(file)
	}
	return l
}

// Quoted adds the content of a file, with white space and control characters visible.
func (l *Line) Quoted(b []byte) *Line {
	const hex = "0123456789abcdef"
	l.Text(`"`)
	for i := range b {
		switch c := b[i]; {
		case c == '\n':
			l.Text(`\n`)
		case c == '"' || c == '\\':
			l.Text(`\`).Text(String(b[i : i+1]))
		case c < ' ' || c > '~':
			l.Text(`\x`).Text(hex[c>>4:][:1]).Text(hex[c&15:][:1])
		default:
			l.Text(String(b[i : i+1]))
		}
	}
	return l.Text(`"`)
}

// Number adds n in decimal. n is not negative.
func (l *Line) Number(n int64) *Line {
	l.n = PutNumber(l.b[:LineLimit-1], l.n, n)
	return l
}

// Seconds adds a duration in seconds, with milliseconds if there are any.
func (l *Line) Seconds(ns int64) *Line {
	l.Number(ns / 1e9)
	if ms := ns % 1e9 / 1e6; ms > 0 {
		var buf [20]byte
		if d := digits(&buf, 1000+ms); len(d) > 1 { // 1ddd
			l.Text(".").Text(String(d[1:]))
		}
	}
	return l.Text("s")
}

// Errno adds the text of a system call's error.
func (l *Line) Errno(e syscall.Errno) *Line {
	switch {
	case e == syscall.ELOOP:
		return l.Text("is a symbolic link")
	case e == syscall.ESPIPE || e == syscall.ENXIO:
		return l.Text("is not a regular file")
	case 0 < e && e < 132 && e != 41 && e != 58: // package syscall has a text for these, and allocates one for others
		return l.Text(e.Error())
	}
	return l.Text("errno ").Number(int64(e))
}

// End adds the newline, for which there is always room, and returns the line.
func (l *Line) End() string {
	if 0 <= l.n && l.n < len(l.b) {
		l.b[l.n] = '\n'
		l.n++
	}
	return l.String()
}

// String returns the line so far, without copying it.
func (l *Line) String() string {
	if l.n < 0 || l.n > len(l.b) {
		return ""
	}
	return String(l.b[:l.n])
}
