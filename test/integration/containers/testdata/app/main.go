// App is an application whose steps the test times: before load and before its first set it waits for
// a file called load or set in the directory that is its argument. Without an argument it prints the
// name of the program that pid 1 is, for containers that hold nothing else that could.
package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/healthprobe/healthprobe/writer"
)

func main() {
	if len(os.Args) == 1 {
		name, err := os.ReadFile("/proc/1/comm")
		if err != nil {
			log.Fatal(err)
		}
		os.Stdout.Write(name)
		return
	}
	unit, err := writer.Open()
	if err != nil {
		log.Fatal(err)
	}
	wait("load")
	if err := unit.Load(context.Background()); err != nil {
		log.Fatal(err)
	}
	wait("set")
	if err := unit.Set(0); err != nil {
		log.Fatal(err)
	}
	wait("never")
}

func wait(name string) {
	for {
		if _, err := os.Stat(filepath.Join(os.Args[1], name)); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
