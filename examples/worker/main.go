// Worker is a small application without a port that keeps its own state with
// package writer: it takes files from a spool directory and leaves their
// SHA-256 beside them.
//
//	SIGUSR1  the upstream is gone: error 3
//	SIGUSR2  the upstream is back: 0
//	SIGTERM  shut down, and reset
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/writer"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("worker: ")
	spool := flag.String("spool", "/spool", "the directory to take files from")
	every := flag.Duration("every", 200*time.Millisecond, "how often to look")
	wait := flag.Bool("wait", false, "do not start work before SIGUSR2")
	flag.Parse()
	if err := run(*spool, *every, *wait); err != nil {
		log.Fatal(err)
	}
}

func run(spool string, every time.Duration, wait bool) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGINT)

	unit, err := writer.Open() // $LIVENESS_RUNDIR, $LIVENESS_UNIT_NAME
	if err != nil {
		return err
	}
	writable := writer.Check{Name: "spool", Health: func(context.Context) error { return checkSpool(spool) }}
	if err := unit.Load(context.Background(), writable); err != nil {
		return err
	}
	// The last act: until then the process is there and the liveness probe content.
	defer func() { report(unit.Reset()) }()

	if !wait {
		if err := unit.Set(0); err != nil {
			return err
		}
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGUSR1:
				report(unit.SetReason(3, "upstream db unreachable"))
			case syscall.SIGUSR2:
				wait = false
				report(unit.Set(0))
			default:
				return nil
			}
		case <-tick.C:
			if wait {
				continue
			}
			if err := work(spool); err != nil {
				report(unit.SetReason(4, err.Error()))
				continue
			}
			// From the loop that does the work: if that hangs, so does the heartbeat.
			report(unit.Beat())
		}
	}
}

// report logs what went wrong with the state. It is no reason to stop working:
// the probe sees the state itself.
func report(err error) {
	if err != nil {
		log.Print(err)
	}
}

func checkSpool(dir string) error {
	f, err := os.CreateTemp(dir, ".check-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

func work(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); entry.Type().IsRegular() && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".sha256") {
			if err := digest(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func digest(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if err := os.WriteFile(path+".sha256", fmt.Appendf(nil, "%x\n", h.Sum(nil)), 0o644); err != nil {
		return err
	}
	return os.Remove(path)
}
