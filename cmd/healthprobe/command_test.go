//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestUnits probes two healthy units, and as many as there may be: each is looked
// at, no descriptor stays open, and nothing allocates.
func TestUnits(t *testing.T) {
	runDir := t.TempDir()
	all := []string{"-rundir", runDir}
	for i := range maxUnits {
		name := fmt.Sprint("unit", i)
		all = append(all, "-unit", name)
		if err := os.Mkdir(filepath.Join(runDir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string]string{"pid": fmt.Sprint(os.Getpid()), "error": "0"} {
			if err := os.WriteFile(filepath.Join(runDir, name, file), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, units := range []int{2, maxUnits} {
		c := new(command)
		status := -1
		run := func() {
			*c = command{}
			for _, arg := range all[:2+2*units] {
				c.Arg(arg)
			}
			status = c.Run()
		}
		before := descriptors(t)
		testenv.CheckAllocations(t, 2, run)
		if status != 0 {
			t.Errorf("exit status %d", status)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%d units: %d descriptors before, and %d after", units, before, after)
		}
		if last := fmt.Sprint("unit", units-1); c.probe.Unit != last || c.probe.Pid == 0 {
			t.Errorf("the last unit was %q, want %q", c.probe.Unit, last)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
