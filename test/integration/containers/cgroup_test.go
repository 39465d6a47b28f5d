//go:build containers && linux

package containers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// cgroupParent is the cgroup of everything that these tests start, below cgroupRoot or, with cgroup
// v1, below each controller's directory.
var cgroupParent string

// cgroupFile returns the path of a container's control file, whichever cgroup version there is. Where
// the versions have different names for it, all of them are given.
func cgroupFile(t testing.TB, id, controller string, names ...string) string {
	t.Helper()
	path, err := findControl(cgroupRoot, filepath.Join(cgroupParent, id), controller, names...)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// findControl looks below root/controller first, so that a v2 hierarchy without controllers beside
// those of v1 is not mistaken for v2.
func findControl(root, group, controller string, names ...string) (path string, err error) {
	for _, dir := range []string{filepath.Join(root, controller, group), filepath.Join(root, group)} {
		for _, name := range names {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("no cgroup %s below %s has %s", group, root, strings.Join(names, " or "))
}

// limitPids lets a container have so many processes; 0 is any number.
func limitPids(t testing.TB, id string, limit int) {
	t.Helper()
	text := "max"
	if limit > 0 {
		text = strconv.Itoa(limit)
	}
	control(t, cgroupFile(t, id, "pids", "pids.max"), text)
}

// limitMemory limits a container to the memory that it uses now and room bytes more. First the kernel
// takes back what it can: caches, and what each CPU holds in reserve. Otherwise that is room too, and how
// much there is of it, up to a mebibyte, depends on what ran just before.
func limitMemory(t testing.TB, id string, room int) {
	t.Helper()
	limit := cgroupFile(t, id, "memory", "memory.limit_in_bytes", "memory.max")
	used := cgroupFile(t, id, "memory", "memory.usage_in_bytes", "memory.current")
	unlimited, reclaim, all := "-1", "memory.force_empty", "0"
	if filepath.Base(limit) == "memory.max" {
		unlimited, reclaim, all = "max", "memory.reclaim", "1G"
		// With v2 the limit does not include swap. It is absent where the kernel has no swap.
		os.WriteFile(filepath.Join(filepath.Dir(limit), "memory.swap.max"), []byte("0"), 0)
	}
	control(t, limit, unlimited)
	// It fails where less was reclaimed than asked for, or the kernel is older than the file.
	os.WriteFile(filepath.Join(filepath.Dir(limit), reclaim), []byte(all), 0)
	current, err := strconv.Atoi(number(t, used))
	if err != nil {
		t.Fatal(err)
	}
	control(t, limit, strconv.Itoa(current+room))
}

func control(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

func number(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// removeGroups removes the parent group with whatever an engine has left below it.
func removeGroups() {
	parents, _ := filepath.Glob(cgroupRoot + "/*" + cgroupParent)
	for _, parent := range append(parents, cgroupRoot+cgroupParent) {
		var groups []string
		filepath.WalkDir(parent, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		for _, group := range slices.Backward(groups) {
			if err := os.Remove(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
}

// measuredOn is the line that stands beside each table: what is in it depends on all of this.
func measuredOn(t testing.TB, programs ...string) string {
	t.Helper()
	var parts []string
	for _, program := range programs {
		out, err := exec.Command(program, "--version").Output()
		if err != nil {
			t.Fatal(err)
		}
		// "runc version 1.1.5+ds1" and more lines, or "Docker version 20.10.24+dfsg1, build 5d6db84"
		_, rest, _ := strings.Cut(string(out), "version ")
		number := strings.TrimRight(strings.Fields(rest)[0], ",")
		parts = append(parts, program+" "+number)
	}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		t.Fatal(err)
	}
	parts = append(parts, fmt.Sprintf("cgroup v%d", cgroupVersion()), "kernel "+unix.ByteSliceToString(kernel.Release[:]))
	return strings.Join(parts, ", ")
}

func cgroupVersion() int {
	var s unix.Statfs_t
	if unix.Statfs(cgroupRoot, &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC {
		return 2
	}
	return 1
}

// TestControlFiles finds the control files in the layouts of both versions: one machine has only one.
func TestControlFiles(t *testing.T) {
	for layout, test := range map[string]struct{ have, want []string }{
		"v1": {[]string{"memory/p/c/memory.limit_in_bytes", "pids/p/c/pids.max", "unified/p/c/cgroup.procs"},
			[]string{"memory/p/c/memory.limit_in_bytes", "pids/p/c/pids.max"}},
		"v2": {[]string{"p/c/memory.max", "p/c/pids.max"}, []string{"p/c/memory.max", "p/c/pids.max"}},
	} {
		root := t.TempDir()
		for _, name := range test.have {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			touch(t, path)
		}
		memory, _ := findControl(root, "/p/c", "memory", "memory.limit_in_bytes", "memory.max")
		pids, _ := findControl(root, "/p/c", "pids", "pids.max")
		if got := []string{memory, pids}; got[0] != filepath.Join(root, test.want[0]) || got[1] != filepath.Join(root, test.want[1]) {
			t.Errorf("%s: found %q", layout, got)
		}
		if path, err := findControl(root, "/p/c", "cpu", "cpu.max"); err == nil {
			t.Errorf("%s: found %s", layout, path)
		}
	}
}
