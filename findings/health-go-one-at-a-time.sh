#!/bin/bash
# Go github.com/hellofresh/health-go/v5 5.5.4: what several probes that ask at once get, and
# what becomes of a check that takes longer than its Timeout. Seen with Go 1.26.
#
# Best guess: each request runs the checks for itself, so four at once take as long as one;
# at the Timeout the check's context is cancelled, and the check ends.
#
# Seen: requests wait for each other. With a check of 1 s, four that come together are
# answered after 1, 2, 3 and 4 s. So a startup, a liveness and a readiness probe, or a
# monitoring system beside them, make each other late, and with the usual timeout of 1 s
# they fail though every check passes. At the Timeout the handler answers 503, but the
# check's context goes on: after twenty such answers twenty checks still wait, although
# nobody will ever read their result. A check needs a deadline of its own.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hellofresh/health-go/v5"
)

// ask asks a health endpoint, and returns the status and the seconds it took.
func ask(h *health.Health) (code int, seconds float64) {
	start, w := time.Now(), httptest.NewRecorder()
	h.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return w.Code, time.Since(start).Round(time.Second).Seconds()
}

func checkedBy(timeout time.Duration, check health.CheckFunc) *health.Health {
	h, err := health.New(health.WithChecks(health.Config{Name: "db", Timeout: timeout, Check: check}))
	if err != nil {
		panic(err)
	}
	return h
}

func main() {
	slow := checkedBy(10*time.Second, func(context.Context) error { time.Sleep(time.Second); return nil })
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			code, seconds := ask(slow)
			fmt.Println(code, "after", seconds, "s")
		})
	}
	all.Wait()

	var waiting atomic.Int32
	late := checkedBy(10*time.Millisecond, func(ctx context.Context) error {
		waiting.Add(1)
		defer waiting.Add(-1)
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
		return ctx.Err()
	})
	for range 19 {
		ask(late)
	}
	code, _ := ask(late)
	time.Sleep(time.Second)
	fmt.Println(code, "and", waiting.Load(), "checks that wait")
}
GO
export GOFLAGS=-mod=mod GOMODCACHE=$dir/mod
go mod init example.com/ask >/dev/null 2>&1
go get github.com/hellofresh/health-go/v5@v5.5.4 >/dev/null 2>&1
go run . >seen
cat seen
diff - seen <<'EOF'
200 after 1 s
200 after 2 s
200 after 3 s
200 after 4 s
503 and 20 checks that wait
EOF
