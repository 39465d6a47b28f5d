//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/text"
	"github.com/healthprobe/healthprobe/internal/verdict"
	"github.com/healthprobe/healthprobe/writer"
)

var statusCommand = command{
	name:    "status",
	summary: "show units as healthprobe sees them",
	about: `Shows a unit as healthprobe sees it, on one line, or every loaded unit in the
run directory if neither -unit nor LIVENESS_UNIT_NAME names one. AGE is the time
since the last set or beat. A name that is not one plain word is quoted.
`,
	exits: "0 all healthy, 1 one is not, or none is loaded, 2 wrong usage.",
	example: `Example:
  $ healthctl status
  UNIT  VERDICT    PID  IDENTITY  CODE  AGE    MESSAGE
  db    healthy    7    verified  0     1m30s  -
  web   unhealthy  9    verified  3     4.2s   error 3: upstream db unreachable
`,
	run: status,
}

// statusReport is what is known about all units, and unitReport about one of
// them. A pointer is nil for what does not exist or is not known.
type (
	statusReport struct {
		runDir  string
		healthy bool
		units   []unitReport
	}
	unitReport struct {
		unit     string
		healthy  bool
		cause    *string
		pid      *int32
		identity *string
		code     *int32
		reason   string
		age      *float64 // seconds
		message  string
	}
)

func status(i *invocation) error {
	asJSON := i.toggle("json", `print one JSON object: {"rundir", "healthy", "units": [{"unit",
"healthy", "cause", "pid", "identity", "code", "reason", "age",
"message"}]}. cause is a heading of docs/messages.md. identity
is "verified", "unverified" (the process has exited, is
another or cannot be read, or the file identity is damaged) or
"none" (not recorded). age is in seconds. cause, pid,
identity, code and age are null if they do not exist or are
not known.`)
	i.unitFlags()
	if err := i.parseNoArgs(); err != nil {
		return err
	}
	u, err := i.open()
	if err != nil {
		return err
	}
	names, none := i.unitNames(u)
	if none != nil && !*asJSON {
		return none
	}
	report := i.probeUnits(u.RunDir(), names)
	if *asJSON {
		_, err = fmt.Print(report.json())
	} else {
		err = printTable(report.units)
	}
	switch {
	case err != nil:
		return err
	case none != nil: // the object has been printed all the same
		return none
	case !report.healthy:
		return errUnhealthy
	}
	return nil
}

// unitNames returns the units to show: u, if a flag or the environment names it,
// otherwise all that are loaded. It is an error if none is.
func (i *invocation) unitNames(u *writer.Unit) (names []string, err error) {
	if i.unit != "" || os.Getenv(state.UnitEnv) != "" {
		return []string{u.Name()}, nil
	}
	names, err = loadedUnits(u.RunDir())
	if err != nil {
		return nil, fmt.Errorf("status: cannot list the run directory %s%s: %w", u.RunDir(), i.runDirOrigin(), withoutPath(err))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("status: no unit is loaded in %s%s: load one, or name one, such as -unit %s", u.RunDir(), i.runDirOrigin(), word(u.Name()))
	}
	return names, nil
}

func (i *invocation) probeUnits(runDir string, names []string) *statusReport {
	all := &statusReport{runDir: runDir, healthy: len(names) > 0}
	for _, name := range names {
		r := probeUnit(runDir, name)
		if r.cause != nil && *r.cause == verdict.NoRunDir.String() {
			r.message += i.runDirOrigin()
		}
		all.healthy = all.healthy && r.healthy
		all.units = append(all.units, r)
	}
	return all
}

// runDirOrigin returns what messages add to a run directory that was perhaps
// mistyped: where it comes from.
func (i *invocation) runDirOrigin() string {
	if i.runDir == "" && os.Getenv(state.RunDirEnv) != "" {
		return " (from " + state.RunDirEnv + ")"
	}
	return ""
}

// loadedUnits returns the directories in the run directory that hold a unit's
// files.
func loadedUnits(runDir string) (names []string, err error) {
	entries, err := os.ReadDir(runDir)
	for _, entry := range entries {
		has := func(file string) bool {
			_, err := os.Lstat(filepath.Join(runDir, entry.Name(), file))
			return err == nil
		}
		if entry.IsDir() && (has(state.IdentityFile) || has(state.PidFile) && has(state.ErrorFile)) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

func probeUnit(runDir, unit string) unitReport {
	p := verdict.Probe{RunDir: runDir, Unit: unit, Verbose: true}
	p.Run()
	r := unitReport{unit: unit, healthy: p.Healthy(), reason: strings.Clone(p.Reason())}
	if p.Pid > 0 {
		identity := "none"
		if p.Verified {
			identity = "verified"
		} else if p.Recorded {
			identity = "unverified"
		}
		r.pid, r.identity = &p.Pid, &identity
	}
	if p.Code >= 0 {
		r.code = &p.Code
	}
	if p.AgeKnown {
		age := float64(p.Age/1e6) / 1e3
		r.age = &age
	}
	if !r.healthy {
		var line text.Line
		p.AppendMessage(&line)
		cause := p.Cause().String()
		r.cause, r.message = &cause, line.String()
	}
	return r
}

func printTable(units []unitReport) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "UNIT\tVERDICT\tPID\tIDENTITY\tCODE\tAGE\tMESSAGE")
	for _, r := range units {
		verdict, age, message := "unhealthy", "-", r.message
		if r.healthy {
			verdict, message = "healthy", "-"
		}
		if r.age != nil {
			age = formatAge(time.Duration(*r.age * float64(time.Second)))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", word(r.unit), verdict, orDash(r.pid), orDash(r.identity), orDash(r.code), age, message)
	}
	return w.Flush()
}

func orDash[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

func formatAge(age time.Duration) string {
	if age.Abs() < 10*time.Second {
		return age.Round(100 * time.Millisecond).String()
	}
	return age.Round(time.Second).String()
}
