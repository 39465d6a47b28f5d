package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

var runCommand = command{
	name:    "run",
	args:    "[--] COMMAND [ARG]...",
	summary: "start the application, and record what it says and does",
	about: `For an application that you cannot change: starts COMMAND, watches it, and records
whether it is ready. It passes signals on, reaps orphans as an init does, and ends
when COMMAND does. WHEN is one of
  notify               COMMAND says so itself, by sd_notify(3): it finds the socket in
                       NOTIFY_SOCKET. STOPPING=1 and WATCHDOG=1 count too
  listen:PORT          a TCP socket listens on PORT in this network namespace
  /path/to/check       a program that exits with 0 if COMMAND is ready; else its exit
                       status is the code, and the last line it prints the reason
  '["/check","ARG"]'   the same with arguments
The recorded pid is COMMAND's. A code that healthctl set has recorded stands until
somebody sets 0. Without a notify, COMMAND gets no NOTIFY_SOCKET.
` + signalsNote,
	exits: `COMMAND's own, 128+N if signal N ended it; or, if COMMAND was not
started, 1 a check failed or load was refused, 2 wrong usage, 126 COMMAND cannot be
executed, 127 it was not found.`,
	example: `Example, in a Dockerfile (name the unit in the environment, where the probe
sees it too):
  ENV LIVENESS_UNIT_NAME=cache
  ENTRYPOINT ["/healthctl", "run", "-ready", "notify", "--", \
              "redis-server", "--supervised", "systemd"]
`,
	run: run,
}

func run(i *invocation) error {
	w := watchFlags(i)
	c := checkFlags(i) // for the child
	i.unitFlags()
	if _, err := i.parseCommand(w.problem, c.problem); err != nil { // the child parses it again
		return err
	}
	u, err := i.open()
	if err != nil {
		return err
	}
	if err := w.findChecks(); err != nil {
		return &statusError{fmt.Errorf("run %s: %w", u.Name(), err), commandStatus(err)}
	}
	s := &supervisor{watch: w, runDir: u.RunDir(), unit: u.Name(), dir: u.Dir(), inherited: withoutNotify(environment())}
	return s.run(i.words)
}

// watch is what run watches.
type watch struct {
	ready     []requirement
	every     time.Duration // how often to ask again, once it has settled
	timeout   time.Duration // of one check
	watchdog  time.Duration // 0: none
	notifyAll *bool         // listen to other processes than COMMAND
}

// requirement is one -ready. One of its fields is set.
type requirement struct {
	notify bool
	port   uint16
	check  []string // a program and its arguments
}

func watchFlags(i *invocation) *watch {
	w := &watch{every: 5 * time.Second, timeout: 2 * time.Second}
	i.value("ready", "WHEN", "when COMMAND is ready; repeated, all must hold (default: as\nsoon as it has started)", func(s string) error {
		r, err := parseRequirement(s)
		if err == nil && r.notify && w.has(func(r requirement) bool { return r.notify }) {
			err = errors.New("notify is there already")
		}
		w.ready = append(w.ready, r)
		return err
	})
	i.duration("ready-every", "how often to ask again (default 5s); the first time after\n100ms, then ever less often", &w.every)
	i.duration("ready-timeout", "how long one check may take (default 2s); then it is killed,\nand the code is 124", &w.timeout)
	i.duration("watchdog", "end COMMAND if it gives no heartbeat for D, which WATCHDOG=1\nand the answer of a check are: SIGABRT, and SIGKILL 10s later", &w.watchdog)
	w.notifyAll = i.toggle("notify-all", "listen to all processes of COMMAND's pid namespace: if a\nchild of COMMAND is the one that notifies")
	return w
}

func (w *watch) has(is func(requirement) bool) bool {
	for _, r := range w.ready {
		if is(r) {
			return true
		}
	}
	return false
}

func (w *watch) notifies() bool { return w.has(func(r requirement) bool { return r.notify }) }
func (w *watch) checks() bool   { return w.has(func(r requirement) bool { return r.check != nil }) }

// problem returns what is wrong with the combination of flags, or "".
func (w *watch) problem() string {
	switch {
	case w.watchdog != 0 && !w.notifies() && !w.checks():
		return "-watchdog needs heartbeats: -ready notify, or a check"
	case w.watchdog != 0 && w.checks() && w.watchdog <= w.timeout:
		return fmt.Sprintf("-watchdog %v must be longer than -ready-timeout %v: a check that gives no answer would end COMMAND", w.watchdog, w.timeout)
	case *w.notifyAll && !w.notifies():
		return "-notify-all needs -ready notify"
	}
	return ""
}

// pause is how long to wait at most between two checks: with -watchdog so short that one
// check without an answer is not yet the end of COMMAND.
func (w *watch) pause() time.Duration {
	if w.watchdog == 0 || !w.checks() {
		return w.every
	}
	return min(w.every, (w.watchdog-w.timeout)/4)
}

// findChecks returns an error if a check cannot be executed: it would never be ready.
func (w *watch) findChecks() error {
	for _, r := range w.ready {
		if r.check == nil {
			continue
		}
		path, err := lookPath(r.check[0])
		if err == nil {
			_, err = checkExecutable(path)
		}
		if err != nil {
			return fmt.Errorf("-ready %s: %w", r.check[0], withoutLookup(err))
		}
	}
	return nil
}

// commandToStart is the command of the child that becomes COMMAND: healthctl again,
// since what is recorded is the process that calls, and nobody else could restore what
// the Go runtime has changed. Its first argument is its descriptor of the link to its
// parent, the second one the signals that the parent was started with; then all
// follows that run was given.
const commandToStart = "run-command"

func runChild(args []string) error {
	if len(args) < 2 {
		return usageError("healthctl: " + commandToStart + " is for healthctl run itself")
	}
	fd, err := strconv.Atoi(args[0])
	if err != nil {
		return usageError("healthctl: " + commandToStart + ": no descriptor: " + args[0])
	}
	parent := inheritedLink(fd)
	adoptSignals(args[1])

	i := newInvocation(&runCommand, args[2:])
	w := watchFlags(i)
	c := checkFlags(i)
	i.unitFlags()
	argv, err := i.parse()
	if err != nil {
		return err
	}
	u, err := i.open()
	if err != nil {
		return err
	}
	defer parent.failed()
	return loadAndBecome(runCommand.name, u, c, argv, func() ([]string, error) {
		if err := parent.loaded(); err != nil {
			return nil, err
		}
		env := environment()
		if w.watchdog != 0 && w.notifies() {
			env = append(env, watchdogPid+"="+strconv.Itoa(os.Getpid()))
		}
		return env, nil
	})
}
