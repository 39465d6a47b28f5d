// Gosystemd is a web server that reports itself by the library that most programs in Go use. Its arguments are
// the port and the file with the text that it answers, which it reads again at SIGHUP. Its watchdog is a
// goroutine of its own, as the library's documentation has it.
package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

func main() {
	notify("STATUS=reading its data")
	time.Sleep(500 * time.Millisecond)
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var text atomic.Pointer[[]byte]
	read := func() {
		content, err := os.ReadFile(os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		text.Store(&content)
	}
	read()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(*text.Load()) })}
	go server.Serve(listener)
	notify(daemon.SdNotifyReady)
	if interval, err := daemon.SdWatchdogEnabled(false); err == nil && interval > 0 {
		go func() {
			for range time.Tick(interval / 2) {
				notify(daemon.SdNotifyWatchdog)
			}
		}()
	}

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM)
	for <-signals == syscall.SIGHUP {
		notify(daemon.SdNotifyReloading)
		read()
		notify(daemon.SdNotifyReady)
	}
	notify(daemon.SdNotifyStopping)
	server.Shutdown(context.Background())
}

func notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Fatal(err)
	}
}
