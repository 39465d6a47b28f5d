package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
)

// listens reports whether a TCP socket of this network namespace listens on a port. It
// opens no connection, which a server would log.
func listens(port uint16) (bool, error) {
	var failed error
	for _, path := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		table, err := os.Open(path)
		if err == nil {
			var found bool
			found, err = listensIn(table, port)
			table.Close()
			if found {
				return true, nil
			}
		}
		if err != nil && (failed == nil || !os.IsNotExist(err)) { // without IPv6 there is one table only
			failed = err
		}
	}
	if _, err := os.Stat("/proc/self/net/tcp"); err == nil && os.IsNotExist(failed) {
		failed = nil
	}
	return false, failed
}

// listensIn looks for a listening socket in a table of proc_net_tcp(5):
//
//	sl  local_address rem_address   st ...
//	 0: 0100007F:1F90 00000000:0000 0A ...
//
// Those that listen come first, so it stops at the first that does not.
func listensIn(table io.Reader, port uint16) (bool, error) {
	const listening = "0A"
	buf := make([]byte, 4096)
	held := 0
	header := true
	for {
		n, err := table.Read(buf[held:])
		held += n
		for {
			line, rest, whole := bytes.Cut(buf[:held], []byte("\n"))
			if !whole {
				break
			}
			if fields := bytes.Fields(line); !header {
				if len(fields) < 4 || string(fields[3]) != listening {
					return false, nil
				}
				_, hex, _ := bytes.Cut(fields[1], []byte(":"))
				if number, err := strconv.ParseUint(string(hex), 16, 16); err == nil && uint16(number) == port {
					return true, nil
				}
			}
			header = false
			held = copy(buf, rest)
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if held == len(buf) {
			return false, fmt.Errorf("a line of %d bytes in the table of sockets", held)
		}
	}
}
