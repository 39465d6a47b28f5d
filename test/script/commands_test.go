//go:build linux

package script

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// commands are the commands that scripts have in addition to testscript's.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"healthprobe": healthprobe,
	"healthctl":   healthctl,
	"exits":       exits,
	"write":       write,
	"process":     process,
	"end":         end,
	"await":       await,
	"lock":        lock,
	"example":     example,
}

// TestMain adds programs, which the scripts run like any other.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)                                        // scripts switch to other users, who have to find the files
	flag.Set("test.parallel", strconv.Itoa(4*runtime.NumCPU())) // scripts wait more than they compute
	testscript.Main(m, map[string]func(){
		"endings":    endings,
		"leaderless": leaderless,
		"rawenv":     rawenv,
		"server":     server,
	})
}

// [!] healthprobe [ARG]... runs healthprobe: exit status 0 and nothing on
// standard error. Negated: exit status 1 and one line on standard error.
func healthprobe(ts *testscript.TestScript, neg bool, args []string) {
	program(ts, neg, "healthprobe", args)
	if line := ts.ReadFile("stderr"); neg && (line == "" || strings.Index(line, "\n") != len(line)-1 || len(line) > 1000) {
		ts.Fatalf("this is not one line of at most 1000 bytes")
	}
}

// [!] healthctl [ARG]... runs healthctl: exit status 0 and nothing on standard
// error. Negated: exit status 1, and the last line begins with "healthctl: ".
func healthctl(ts *testscript.TestScript, neg bool, args []string) {
	program(ts, neg, "healthctl", args)
	lines := strings.SplitAfter(ts.ReadFile("stderr"), "\n")
	if n := len(lines); neg && (n < 2 || lines[n-1] != "" || !strings.HasPrefix(lines[n-2], "healthctl: ")) {
		ts.Fatalf("the last line of healthctl is no error message")
	}
}

func program(ts *testscript.TestScript, neg bool, name string, args []string) {
	want := 0
	if neg {
		want = 1
	}
	exits(ts, false, append([]string{strconv.Itoa(want), name}, args...))
	if neg && ts.ReadFile("stdout") != "" {
		ts.Fatalf("a failure must print nothing on standard output")
	}
	if !neg && ts.ReadFile("stderr") != "" {
		ts.Fatalf("a success must print nothing on standard error")
	}
}

// exits STATUS PROGRAM [ARG]... runs a program that must end with exactly this
// exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG]...")
	}
	err := ts.Exec(args[1], args[2:]...)
	// A program that was just written may still be open for writing: in a child that another script
	// has just forked, until its execve.
	for range 1000 {
		if !errors.Is(err, unix.ETXTBSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
		err = ts.Exec(args[1], args[2:]...)
	}
	status := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		status = exit.ExitCode() // -1: killed by a signal
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("exit status %d, want %s", status, args[0])
	}
}

// write FILE [TEXT] creates a file that contains TEXT. It expands the escapes of
// a Go string and adds no newline.
func write(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: write FILE [TEXT]")
	}
	text, err := strconv.Unquote(`"` + strings.Join(args[1:], "") + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// process NAME [PROGRAM [ARG]...] starts a process, by default sleep, and kills
// it when the script ends. $NAME is its pid, $NAME_start its start time, and
// NAME.log its output.
func process(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: process NAME [PROGRAM [ARG]...]")
	}
	name, argv := args[0], args[1:]
	if len(argv) == 0 {
		argv = []string{"sleep", "600"}
	}
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	defer log.Close()
	cmd := exec.Command("env", argv...) // env finds the program in the script's PATH
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), log, log
	for _, key := range ts.Value(variables{}).([]string) {
		cmd.Env = append(cmd.Env, key+"="+ts.Getenv(key))
	}
	for other, p := range processes(ts) {
		cmd.Env = append(cmd.Env, other+"="+strconv.Itoa(p.Process.Pid))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	processes(ts)[name] = cmd
	ts.Defer(func() {
		if cmd.ProcessState == nil { // not waited for, so its pid cannot have been reused
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its children too
			cmd.Wait()
		}
	})
	pid := strconv.Itoa(cmd.Process.Pid)
	stat := ts.ReadFile("/proc/" + pid + "/stat")
	ts.Setenv(name, pid)
	ts.Setenv(name+"_start", strings.Fields(stat[strings.LastIndex(stat, ")"):])[22-2])
}

// variables and running are the keys of a script's values: the names of its
// environment variables, and the processes that it has started.
type (
	variables struct{}
	running   struct{}
)

func processes(ts *testscript.TestScript) map[string]*exec.Cmd {
	return ts.Value(running{}).(map[string]*exec.Cmd)
}

// end [-zombie] NAME kills a process, but not its children, and waits for it.
// With -zombie it does not reap the process, which keeps its pid.
func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: end [-zombie] NAME")
	}
	cmd := processes(ts)[args[len(args)-1]]
	if cmd == nil {
		ts.Fatalf("no such process")
	}
	ts.Check(cmd.Process.Kill())
	if args[0] == "-zombie" {
		ts.Check(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
		return
	}
	cmd.Wait()
}

// await PATTERN FILE waits until the file exists and matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await PATTERN FILE")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	var content []byte
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		content, _ = os.ReadFile(ts.MkAbs(args[1]))
		if pattern.Match(content) {
			return
		}
	}
	ts.Fatalf("no match for %#q in %s: %q", pattern, args[1], content)
}

// lock DIR holds the lock of a unit directory until the script ends.
func lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock DIR")
	}
	lock, err := os.OpenFile(filepath.Join(ts.MkAbs(args[0]), ".lock"), os.O_RDWR, 0)
	ts.Check(err)
	ts.Defer(func() { lock.Close() })
	ts.Check(unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

// example NAME gives the script one of the examples: a copy of a file, or a
// program built from a directory.
func example(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: example NAME")
	}
	from, to := filepath.Join(root, "examples", args[0]), ts.MkAbs(args[0])
	st, err := os.Stat(from)
	ts.Check(err)
	if st.IsDir() {
		ts.Check(testenv.BuildPackage(to, "./examples/"+args[0]))
		return
	}
	held, err := os.ReadFile(from)
	ts.Check(err)
	ts.Check(os.WriteFile(to, held, st.Mode()))
}

// leaderless is a program whose first thread has ended while another runs, as
// after pthread_exit in main: ps shows a zombie.
func leaderless() {
	go func() {
		time.Sleep(10 * time.Minute)
		os.Exit(0)
	}()
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}

func init() {
	if filepath.Base(os.Args[0]) == "leaderless" {
		runtime.LockOSThread() // main runs on the first thread
	}
}

// rawenv ENTRY... -- PROGRAM [ARG]... executes the program with exactly these
// entries as its environment. A shell or env(1) would drop malformed ones.
func rawenv() {
	end := slices.Index(os.Args, "--")
	argv := os.Args[end+1:]
	path, err := exec.LookPath(argv[0])
	if err == nil {
		err = syscall.Exec(path, argv, os.Args[1:end])
	}
	panic(err)
}

// endings FILE... kills the process whose pid is in each file, if it has not ended
// yet, and prints what is left of it. Unlike a shell it reaps none.
func endings() {
	for _, name := range os.Args[1:] {
		held, err := os.ReadFile(name)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(held)))
		if err != nil || pid < 2 {
			panic(fmt.Sprintf("%s holds %q: %v", name, held, err))
		}
		left := ""
		for ; left == ""; time.Sleep(time.Millisecond) {
			syscall.Kill(pid, syscall.SIGKILL)
			switch stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); {
			case err != nil:
				left = "reaped"
			case strings.Contains(string(stat), ") Z "):
				left = "zombie"
			}
		}
		fmt.Printf("%s: %s\n", name, left)
	}
}

// server STEP... is a server that reports itself by sd_notify(3). A STEP is a message,
// "await:FILE", which waits until the file exists, "pause:DURATION", or "exit:STATUS". After
// the last it runs until a signal ends it.
func server() {
	for _, step := range os.Args[1:] {
		kind, value, _ := strings.Cut(step, ":")
		switch kind {
		case "await":
			for {
				if _, err := os.Stat(value); err == nil {
					break
				}
				time.Sleep(2 * time.Millisecond)
			}
		case "pause":
			d, err := time.ParseDuration(value)
			if err != nil {
				panic(err)
			}
			time.Sleep(d)
		case "exit":
			status, _ := strconv.Atoi(value)
			os.Exit(status)
		default:
			c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
			if err == nil {
				_, err = c.Write([]byte(strings.ReplaceAll(step, `\n`, "\n")))
			}
			if err != nil {
				panic(err)
			}
		}
	}
	time.Sleep(10 * time.Minute)
}
