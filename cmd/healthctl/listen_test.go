//go:build linux

package main

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// TestListens asks about real sockets.
func TestListens(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err) // without IPv6
			continue
		}
		_, text, _ := net.SplitHostPort(l.Addr().String())
		port, _ := strconv.ParseUint(text, 10, 16)
		// A connection has the same port and does not count.
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if found, err := listens(uint16(port)); !found || err != nil {
			t.Errorf("%s: %v, %v", address, found, err)
		}
		l.Close()
		if found, err := listens(uint16(port)); found || err != nil {
			t.Errorf("%s, closed: %v, %v", address, found, err)
		}
	}
}

const socketTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0
   2: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0
   3: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0
`

func TestListensIn(t *testing.T) {
	for port, want := range map[uint16]bool{8080: true, 80: true, 8081: false, 0: false, 8082: false} { // the last stands behind one that does not listen
		for name, reader := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with EOF": iotest.DataErrReader} {
			if found, err := listensIn(reader(strings.NewReader(socketTable)), port, listeningFirst); found != want || err != nil {
				t.Errorf("%d, %s: %v, %v", port, name, found, err)
			}
			// What gVisor has.
			if found, err := listensIn(reader(strings.NewReader(socketTable)), port, anyOrder); found != (want || port == 8082) || err != nil {
				t.Errorf("%d, %s, in any order: %v, %v", port, name, found, err)
			}
		}
	}
	if _, err := listensIn(iotest.ErrReader(io.ErrUnexpectedEOF), 80, listeningFirst); err != io.ErrUnexpectedEOF {
		t.Errorf("a table that cannot be read: %v", err)
	}
	if _, err := listensIn(strings.NewReader(strings.Repeat("x", 5000)), 80, listeningFirst); err == nil {
		t.Error("a line without an end")
	}
}

// TestLastLine has the outputs of checks, and what is the reason.
func TestLastLine(t *testing.T) {
	for output, want := range map[string]string{
		"": "", "\n": "", "one": "one", "one\n": "one", "one\ntwo": "two", "one\ntwo\n": "two", "one\n\n \n": "one", " one \r\n": "one", "one\n two": "two",
		strings.Repeat("x", 1000): strings.Repeat("x", 512), strings.Repeat("x", 1000) + "\ny\n": "y",
	} {
		var l lastLine
		io.Copy(&l, iotest.OneByteReader(strings.NewReader(output)))
		if got := l.String(); got != want {
			t.Errorf("%.20q: %q, want %q", output, got, want)
		}
	}
}
