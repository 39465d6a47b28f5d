// Guest is an application that knows nothing of health checks: it listens, and runs until it is asked
// to stop. It also serves as the pause container of every pod.
package main

import (
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if len(os.Args) > 1 && os.Args[1] == "--serve" {
		time.Sleep(2 * time.Second)                                    // a while, in which it is not ready
		if l, err := net.Listen("tcp", "127.0.0.1:8080"); err == nil { // else another pod of the node listens, whose network is the same
			defer l.Close()
		}
	}
	<-stop
}
