//go:build linux

package healthprobe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/rogpeppe/go-internal/testscript"
)

// example NAME gives the script one of the examples: a copy of a file, or a
// program built from a directory.
func example(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: example NAME")
	}
	from, to := filepath.Join("examples", args[0]), ts.MkAbs(args[0])
	st, err := os.Stat(from)
	ts.Check(err)
	if st.IsDir() {
		ts.Check(testenv.BuildPackage(to, "./"+from))
		return
	}
	held, err := os.ReadFile(from)
	ts.Check(err)
	ts.Check(os.WriteFile(to, held, st.Mode()))
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
