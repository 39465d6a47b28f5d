//go:build linux

package main

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

// TestNotification has what servers send, and what nobody should.
func TestNotification(t *testing.T) {
	for datagram, want := range map[string]notification{
		"":                                    {},
		"READY=1":                             {ready: true},
		"READY=1\n":                           {ready: true},
		"READY=1\x00":                         {ready: true},
		"READY=0":                             {},
		"READY=1 ":                            {},
		" READY=1":                            {},
		"READY=1\r\n":                         {},
		"ready=1":                             {},
		"READY":                               {},
		"READY=0\nREADY=1":                    {ready: true},
		"READY=1\nSTOPPING=1":                 {stopping: true},
		"STOPPING=1\nREADY=1":                 {stopping: true},
		"RELOADING=1\nMONOTONIC_USEC=1":       {},
		"RELOADING=1\nREADY=1":                {ready: true},
		"WATCHDOG=1":                          {watchdog: true},
		"WATCHDOG=1\nSTATUS=ok":               {watchdog: true, status: "ok", hasStatus: true},
		"WATCHDOG=trigger":                    {trigger: true},
		"WATCHDOG_USEC=1":                     {},
		"STATUS=":                             {hasStatus: true},
		"STATUS=a=b":                          {status: "a=b", hasStatus: true},
		"STATUS=a\nSTATUS=b":                  {status: "b", hasStatus: true},
		"READY=1\nSTATUS=\xff":                {ready: true},
		"MAINPID=7":                           {mainPid: 7},
		"MAINPID=0":                           {},
		"MAINPID=-7":                          {},
		"MAINPID=2147483648":                  {},
		"MAINPID=7x":                          {},
		"BARRIER=1":                           {barrier: true},
		"BARRIER=0":                           {},
		"BARRIER=1\nREADY=1":                  {ready: true},
		"READY=1\nBARRIER=1":                  {ready: true},
		"FDSTORE=1\nFDNAME=x":                 {},
		"READY=1\nX_READY=0\n\n=\n==\nNOTICE": {ready: true},
	} {
		if n, ok := parseNotification([]byte(datagram)); !ok || n != want {
			t.Errorf("%q: %v, %+v, want %+v", datagram, ok, n, want)
		}
	}
	for _, datagram := range []string{"\x00\x00", "\x00READY=1", "READY=1\x00\x00", "READY=1\x00STOPPING=1", "READY=1\x00\n"} {
		if n, ok := parseNotification([]byte(datagram)); ok || n != (notification{}) {
			t.Errorf("%q: %v, %+v", datagram, ok, n)
		}
	}
}

func FuzzNotification(f *testing.F) {
	for _, seed := range []string{
		"READY=1\nSTATUS=ok\nMAINPID=7", "STOPPING=1", "WATCHDOG=1", "WATCHDOG=trigger", "BARRIER=1", "READY=1\x00", "A\x00B", "STATUS=\xff", "=\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		given := bytes.Clone(datagram)
		n, ok := parseNotification(datagram)
		if !bytes.Equal(datagram, given) {
			t.Error("it changes the datagram")
		}
		text := bytes.TrimSuffix(given, []byte{0})
		if ok != !bytes.Contains(text, []byte{0}) {
			t.Errorf("ok is %v", ok)
		}
		if !ok {
			if n != (notification{}) {
				t.Errorf("it holds NUL, and counts: %+v", n)
			}
			return
		}
		if n.ready && n.stopping {
			t.Error("ready, though it stops")
		}
		if !utf8.ValidString(n.status) || n.status != "" && !n.hasStatus || n.mainPid < 0 {
			t.Errorf("%+v", n)
		}
		parse := func(parts ...string) notification {
			n, ok := parseNotification(bytes.Join([][]byte{[]byte(parts[0]), []byte(parts[1])}, []byte("\n")))
			if !ok {
				t.Errorf("%q is refused", parts)
			}
			return n
		}
		same := n
		same.barrier = false // which must be alone
		if before, after := parse("X_UNKNOWN=1", string(text)), parse(string(text), "X_UNKNOWN=1"); before != same || after != same {
			t.Errorf("an unknown key makes of %+v %+v before it, %+v after it", n, before, after)
		}
		stops := same
		stops.ready, stops.stopping = false, true
		if before, after := parse("STOPPING=1", string(text)), parse(string(text), "STOPPING=1"); before != stops || after != stops {
			t.Errorf("STOPPING=1 makes of %+v %+v before it, %+v after it", n, before, after)
		}
	})
}
