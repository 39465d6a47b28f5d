// Guest is an application that knows nothing of health checks: it runs until it is asked to stop. It also
// serves as the pause container of every pod.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}
