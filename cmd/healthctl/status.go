package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/verdict"
)

const statusUsage = `Usage: healthctl status [-json]

Shows a unit as healthprobe sees it, on one line; every unit in the run
directory if neither -unit nor LIVENESS_UNIT_NAME names one. AGE is the time
since the last set or beat.

  -json      one JSON object: {"rundir", "healthy", "units": [{"unit",
             "healthy", "pid", "identity", "code", "reason", "age", "message"}]}.
             identity is "verified", "unverified" (the process has ended, is
             another or cannot be seen) or "none" (not recorded); age is in
             seconds. pid, identity, code and age are null if not known.
  -rundir DIR, -unit NAME: see healthctl -h

Exit status: 0 all healthy, 1 one is not, 2 wrong usage.

Example:
  $ healthctl status
  UNIT  VERDICT    PID  IDENTITY  CODE  AGE    MESSAGE
  db    healthy    7    verified  0     1m30s  -
  web   unhealthy  9    verified  3     4.2s   error 3: upstream db unreachable
`

// report is what is known about one unit. It is the JSON that status prints:
// names and meanings stay as they are.
type report struct {
	Unit     string   `json:"unit"`
	Healthy  bool     `json:"healthy"`
	Pid      *int32   `json:"pid"`
	Identity *string  `json:"identity"`
	Code     *int32   `json:"code"`
	Reason   string   `json:"reason"`
	Age      *float64 `json:"age"`
	Message  string   `json:"message"`
}

func status(args []string) int {
	f := newFlags("status")
	asJSON := f.Bool("json", false, "")
	if status, ok := f.parse(statusUsage, args); !ok {
		return status
	}
	if status, ok := f.none(); !ok {
		return status
	}
	u, status := f.open()
	if u == nil {
		return status
	}
	names := []string{u.Name()}
	if f.unit == "" && os.Getenv(state.UnitEnv) == "" {
		if found := units(u.RunDir()); len(found) > 0 {
			names = found
		}
	}
	all := struct {
		RunDir  string   `json:"rundir"`
		Healthy bool     `json:"healthy"`
		Units   []report `json:"units"`
	}{RunDir: u.RunDir(), Healthy: true}
	for _, name := range names {
		r := examine(u.RunDir(), name)
		all.Healthy = all.Healthy && r.Healthy
		all.Units = append(all.Units, r)
	}
	if *asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(all); err != nil {
			return fail(err)
		}
	} else if err := table(all.Units); err != nil {
		return fail(err)
	}
	if !all.Healthy {
		return failed
	}
	return done
}

// units gives the directories in the run directory that hold a unit's files.
func units(runDir string) (names []string) {
	entries, _ := os.ReadDir(runDir) // what is wrong with it, the one unit's line says
	for _, entry := range entries {
		has := func(file string) bool {
			_, err := os.Lstat(filepath.Join(runDir, entry.Name(), file))
			return err == nil
		}
		if entry.IsDir() && (has(state.IdentityFile) || has(state.PidFile) && has(state.ErrorFile)) {
			names = append(names, entry.Name())
		}
	}
	return names
}

func examine(runDir, unit string) report {
	p := verdict.Probe{RunDir: runDir, Unit: unit, Detail: true}
	p.Run()
	r := report{Unit: unit, Healthy: p.Healthy, Reason: strings.Clone(p.Reason())}
	if p.Pid > 0 {
		identity := "none"
		if p.Verified {
			identity = "verified"
		} else if p.Recorded {
			identity = "unverified"
		}
		r.Pid, r.Identity = &p.Pid, &identity
	}
	if p.Code >= 0 {
		r.Code = &p.Code
	}
	if p.Set {
		age := float64(p.Age/1e6) / 1e3
		r.Age = &age
	}
	if !p.Healthy {
		r.Message = strings.Clone(p.Message())
	}
	return r
}

func table(reports []report) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "UNIT\tVERDICT\tPID\tIDENTITY\tCODE\tAGE\tMESSAGE")
	for _, r := range reports {
		verdict, age, message := "unhealthy", "-", r.Message
		if r.Healthy {
			verdict, message = "healthy", "-"
		}
		if r.Age != nil {
			age = readable(time.Duration(*r.Age * float64(time.Second)))
		}
		name := []byte(r.Unit)
		state.Clean(name)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, verdict, known(r.Pid), known(r.Identity), known(r.Code), age, message)
	}
	return w.Flush()
}

func known[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

func readable(age time.Duration) string {
	if age.Abs() < 10*time.Second {
		return age.Round(100 * time.Millisecond).String()
	}
	return age.Round(time.Second).String()
}
