//go:build linux

package kubelet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestMemory leaves a container only so much free memory, and calls what the kubelet calls for an exec
// probe. With crun the probe decides whether the application is killed. With runc it depends as much on
// runc's own process, which runs inside the limit before the probe does.
//
// It is not parallel, so that it ends before a kubelet starts.
func TestMemory(t *testing.T) {
	requireContainerd(t)
	for handler, rooms := range map[string][]int{"runc": {2048, 1024, 512, 256}, "crun": {1024, 512, 256}} {
		table := "| memory left |"
		for _, probe := range probes[1:] {
			table += " " + probe.name + " |"
		}
		table += "\n|---|---|---|---|"
		killed, answered := map[string]int{}, map[string]int{}
		for _, room := range rooms {
			table += fmt.Sprintf("\n| %d KiB |", room)
			for _, probe := range probes[1:] {
				n := 0
				for range *repeats {
					survived, healthy := survives(t, handler, room<<10, probe.command)
					if !survived {
						n++
					}
					if healthy {
						answered[probe.name]++
					}
				}
				killed[probe.name] += n
				table += fmt.Sprintf(" %d |", n)
			}
		}
		t.Logf("%s: application killed, of %d ExecSync\n\n%s", measuredOn(handler), *repeats, table)
		if handler == "crun" && answered["direct entry"] == 0 {
			t.Error("crun never started the direct entry")
		}
		if handler == "crun" && killed["direct entry"] > killed["bash script"] {
			t.Error("the direct entry has the application killed more often than the script")
		}
	}
}

// survives reports whether an application of 32 MiB outlives a probe when only room bytes are left, and
// whether the probe said healthy.
func survives(t *testing.T, handler string, room int, probe []string) (survived, healthy bool) {
	t.Run("", func(t *testing.T) { // its container is removed at its end
		id := startContainer(t, handler, "/bin/perl", "-e",
			`$x = "x" x (32 << 20); open(my $ready, ">", "/ready"); close($ready); sleep`)
		pid := containerPid(t, id)
		if err := retry(func() error { _, err := os.Stat(fmt.Sprintf("/proc/%d/root/ready", pid)); return err }); err != nil {
			t.Fatal(err)
		}
		limitMemory(t, controlGroup(t, id, "memory"), room)
		healthy = succeeds(execSync(id, probe)) == nil
		survived = sleeping(pid)
	})
	return survived, healthy
}

// limitMemory limits a cgroup to what it uses and room bytes more, after the kernel has reclaimed what it
// can.
func limitMemory(t *testing.T, group string, room int) {
	t.Helper()
	used, limit, reclaim, all := "memory.usage_in_bytes", "memory.limit_in_bytes", "memory.force_empty", "0"
	if cgroupVersion() == 2 {
		used, limit, reclaim, all = "memory.current", "memory.max", "memory.reclaim", "1G"
		os.WriteFile(filepath.Join(group, "memory.swap.max"), []byte("0"), 0) // absent without swap
	}
	// It fails where there is less to reclaim than asked for.
	os.WriteFile(filepath.Join(group, reclaim), []byte(all), 0)
	text, err := os.ReadFile(filepath.Join(group, used))
	if err != nil {
		t.Fatal(err)
	}
	current, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(group, limit), []byte(strconv.Itoa(current+room)), 0); err != nil {
		t.Fatal(err)
	}
}

// sleeping reports whether a process that does nothing else still sleeps. One that was killed wakes up,
// and frees its memory before it can sleep again.
func sleeping(pid int) bool {
	for {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		const state, vsize = 0, 20
		if len(fields) <= vsize || fields[vsize] == "0" {
			return false
		}
		if fields[state] == "S" {
			return true
		}
	}
}
