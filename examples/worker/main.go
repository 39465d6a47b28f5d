// Worker is a small application without a port that records its own health with
// package writer. For each file NAME.in in its spool directory it makes
// NAME.out, with the SHA-256 of the content, and leaves other files alone.
//
//	SIGUSR1  the upstream is unreachable: error 3
//	SIGUSR2  the upstream has recovered: 0
//	SIGTERM  shut down, and reset
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
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
	writable := writer.Check{Name: "spool", Run: func(context.Context) error { return checkSpool(spool) }}
	if err := unit.Load(context.Background(), writable); err != nil {
		return err
	}
	// The last act: until then the liveness probe should find the process.
	defer func() { report(unit.Reset()) }()

	if !wait {
		if err := unit.Set(0); err != nil {
			return err
		}
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	upstream, failure, recorded := true, error(nil), true
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGUSR1:
				upstream = false
			case syscall.SIGUSR2:
				upstream, wait = true, false
			default:
				return nil
			}
			recorded = report(set(unit, upstream, failure))
		case <-tick.C:
			if wait {
				continue
			}
			// From the loop that does the work: if it hangs, the heartbeat stops.
			before := failure
			failure = work(spool)
			if failure != nil || before != nil || !recorded {
				recorded = report(set(unit, upstream, failure))
			} else {
				report(unit.Beat())
			}
		}
	}
}

// set decides what the unit says, in one place: else the end of one error would
// hide another that goes on.
func set(unit *writer.Unit, upstream bool, failure error) error {
	switch {
	case failure != nil:
		return unit.SetReason(4, failure.Error())
	case !upstream:
		return unit.SetReason(3, "upstream db unreachable")
	}
	return unit.Set(0)
}

// report logs an error of package writer, and reports whether there was none. It
// is no reason to stop working: a set of an error that failed has cleared the old
// state where it can, and says what the file holds now. The next turn tries again.
func report(err error) (ok bool) {
	if err != nil {
		log.Print(err)
	}
	return err == nil
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
	inputs, err := filepath.Glob(filepath.Join(dir, "*.in"))
	if err != nil {
		return err
	}
	for _, in := range inputs {
		out := strings.TrimSuffix(in, ".in") + ".out"
		if _, err := os.Stat(out); err == nil {
			continue // done
		}
		content, err := os.ReadFile(in)
		if err != nil {
			return err
		}
		if err := os.WriteFile(out, fmt.Appendf(nil, "%x\n", sha256.Sum256(content)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
