//go:build unix

package writer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/healthprobe/healthprobe/writer"
)

// A daemon: load, set 0 just before the main loop, reset as the last act.
func Example() {
	defer temporary()()

	unit, err := writer.Open() // $LIVENESS_RUNDIR and $LIVENESS_UNIT_NAME, or /run and the host name
	if err != nil {
		log.Fatal(err)
	}
	if err := unit.Load(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer unit.Reset()
	if err := unit.Set(0); err != nil {
		log.Fatal(err)
	}
	fmt.Println("serving")
	// Output: serving
}

// A worker beats from the loop that does the work, so that the heartbeat stops
// when the work does. The liveness probe is healthprobe -live -max-age 60s.
func ExampleUnit_Beat() {
	defer temporary()()
	unit, err := writer.Open()
	if err != nil {
		log.Fatal(err)
	}
	if err := unit.Load(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer unit.Reset()
	if err := unit.Set(0); err != nil {
		log.Fatal(err)
	}

	for _, job := range []string{"first", "second"} {
		fmt.Println(job)
		if err := unit.Beat(); err != nil {
			log.Print(err) // no reason to stop working
		}
	}
	// Output:
	// first
	// second
}

// A one-shot job says what went wrong before it ends. It does not reset then, so
// that status shows it as long as the directory is there.
func ExampleUnit_SetReason() {
	defer temporary()()
	unit, err := writer.Open()
	if err != nil {
		log.Fatal(err)
	}
	if err := unit.Load(context.Background()); err != nil {
		log.Fatal(err)
	}
	if err := unit.Set(0); err != nil {
		log.Fatal(err)
	}

	migrate := func() error { return errors.New("table users is locked") }
	if err := migrate(); err != nil {
		fmt.Println(unit.SetReason(4, err.Error()))
		return
	}
	unit.Reset()
	// Output: <nil>
}

// Checks by name from the configuration: a map, and a loop.
func ExampleUnit_Load() {
	defer temporary()()
	known := map[string]func(context.Context) error{
		"config":   func(context.Context) error { return nil },
		"database": func(context.Context) error { return writer.ErrUnhealthy },
	}
	var checks []writer.Check
	for _, name := range strings.Split("config,database", ",") {
		checks = append(checks, writer.Check{Name: name, Run: known[name]})
	}

	unit, err := writer.Open(writer.WithName("web"))
	if err != nil {
		log.Fatal(err)
	}
	err = unit.Load(context.Background(), checks...)
	fmt.Println(err)
	fmt.Println(errors.Is(err, writer.ErrUnhealthy))
	// Output:
	// load web: check database: not healthy
	// true
}

// A supervisor that keeps the state of a child process.
func ExampleWithPid() {
	defer temporary()()
	child := os.Getppid() // any process will do for the example
	unit, err := writer.Open(writer.WithPid(child))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(unit.Load(context.Background()), unit.Set(0))
	// Output: <nil> <nil>
}

// temporary is a run directory for one example.
func temporary() (remove func()) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	os.Setenv("LIVENESS_RUNDIR", dir)
	return func() { os.RemoveAll(dir); os.Unsetenv("LIVENESS_RUNDIR") }
}

// An application that goes on without its unit needs no guards: a nil *Unit records
// nothing.
func ExampleOpen_withoutUnit() {
	unit, err := writer.Open(writer.WithName("not/a/name"))
	if err != nil {
		fmt.Println(err) // and go on: unit is nil
	}
	defer unit.Reset()
	fmt.Println(unit.Set(0))
	fmt.Println(unit.Ready())
	// Output:
	// the unit name "not/a/name" must not contain a slash or a NUL byte
	// <nil>
	// unhealthy: not loaded: the application runs without its unit (the *writer.Unit is nil)
}

// A server's own readiness endpoint gives the probe's answer.
func ExampleUnit_Ready() {
	defer temporary()()
	unit, err := writer.Open(writer.WithName("web"))
	if err != nil {
		log.Fatal(err)
	}
	if err := unit.Load(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer unit.Reset()
	readyz := func(w http.ResponseWriter, _ *http.Request) {
		if err := unit.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}

	for _, code := range []int{0, 3} {
		if err := unit.SetReason(code, "upstream db unreachable"); err != nil {
			log.Fatal(err)
		}
		answer := httptest.NewRecorder()
		readyz(answer, nil)
		fmt.Print(answer.Code, " ", answer.Body)
	}
	// Output:
	// 200 ok
	// 503 unhealthy: web: error 3: upstream db unreachable
}

// A test of an application asks for the cause by its stable name.
func ExampleUnit_Live() {
	defer temporary()()
	unit, err := writer.Open(writer.WithName("web"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("before:", cause(unit.Live()))
	if err := unit.Load(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("loaded:", unit.Live(), cause(unit.Ready()))
	unit.Reset()
	// Output:
	// before: no-directory
	// loaded: <nil> not-set
}

func cause(err error) string {
	var unhealthy *writer.Unhealthy
	if errors.As(err, &unhealthy) {
		return unhealthy.Cause
	}
	return "none"
}
