//go:build linux

package healthprobe_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

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
