// Server is an application that knows systemd and not healthprobe: it reports itself by sd_notify(3). It is
// ready when there is a file called set in the directory that is its argument, and ends at SIGTERM, with
// exit status 7. It listens on port 8080 and has some connections.
package main

import (
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	for range 20 {
		if c, err := net.Dial("tcp", "127.0.0.1:8080"); err == nil { // a network may lack even this
			defer c.Close()
		}
	}
	notify("STATUS=reading its data")
	for {
		if _, err := os.Stat(filepath.Join(os.Args[1], "set")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	notify("READY=1")
	<-stop
	notify("STOPPING=1")
	os.Exit(7)
}

func notify(state string) {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err == nil {
		_, err = conn.Write([]byte(state))
	}
	if err != nil {
		log.Fatal(err)
	}
}
