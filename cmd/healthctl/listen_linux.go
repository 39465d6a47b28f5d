package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/healthprobe/healthprobe/internal/state"
)

// listens reports whether a TCP socket of this network namespace listens on a port. It
// opens no connection, which a server would log.
func listens(port uint16) (bool, error) {
	var failed error
	for _, path := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		table, err := os.Open(path)
		if err == nil {
			var found bool
			found, err = listensIn(table, port, tableOrder())
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
// Those that listen come first, so it can stop at the first that does not.
func listensIn(table io.Reader, port uint16, order order) (bool, error) {
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
				listens := len(fields) >= 4 && string(fields[3]) == listening
				if !listens && order == listeningFirst {
					return false, nil
				}
				if listens && portOf(fields[1]) == port {
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

// portOf returns the port of an address such as 0100007F:1F90, or 0.
func portOf(address []byte) uint16 {
	_, hex, _ := bytes.Cut(address, []byte(":"))
	port, err := strconv.ParseUint(string(hex), 16, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}

// order is the order of a table of sockets.
type order int

const (
	listeningFirst order = iota // so 100,000 connections cost nothing
	anyOrder
)

// tableOrder returns the order of the kernel's tables. gVisor has none, and another one
// each time.
func tableOrder() order {
	if _, err := os.Stat(state.GVisorPath); err == nil {
		return anyOrder
	}
	return listeningFirst
}
