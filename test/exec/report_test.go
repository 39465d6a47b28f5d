//go:build linux

package exec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// report is what testdata/observe.c has printed: lines by the part that they are of,
// without what leftOut names.
type report map[string][]string

// leftOut are the lines that differ between any two runs of a program, whoever starts
// it. Everything else has to be equal.
var leftOut = []struct{ part, pattern, reason string }{
	{"status", `^(Vm(HWM|RSS|PTE|Peak|Size|Data)|Rss\w+):`, "the memory in use, which depends on where the kernel has put the stack"},
	{"status", `^SigQ:`, "counts the signals of all processes of the user"},
	{"status", `^(non)?voluntary_ctxt_switches:`, "a counter"},
	{"stat", `^(c?min|c?maj)flt `, "a counter"},
	{"stat", `^c?[us]time `, "a counter"},
	{"stat", `^starttime `, "the time"},
	{"stat", `^(vsize|rss) `, "the memory in use"},
	{"stat", `^(startstack|start_brk|arg_start|arg_end|env_start|env_end|kstkesp|kstkeip|start_data) `, "addresses, which are random"},
	{"stat", `^processor `, "where it runs at this moment"},
	{"sched", `^observe \(|^-+$`, "the heading"},
	{"sched", `^(se\.(exec_start|vruntime|deadline|min_vruntime|vlag|sum_exec_runtime|nr_migrations|statistics\.\w+)|nr_\w+|\w*sum_\w+|avg_\w+) `, "a counter or a time"},
	{"sched", `^se\.avg\.`, "its load until now"},
	{"sched", `^clock-delta `, "how long the kernel took to read the clock"},
	{"sched", `^(mm->numa|numa_|total_numa|current_node)`, "where its memory is at this moment"},
}

// statFields are the names of the fields of /proc/<pid>/stat, as in proc(5).
var statFields = strings.Fields(`pid comm state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt
	utime stime cutime cstime priority nice num_threads itrealvalue starttime vsize rss rsslim startcode endcode
	startstack kstkesp kstkeip signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority
	policy delayacct_blkio_ticks guest_time cguest_time start_data end_data start_brk arg_start arg_end env_start env_end
	exit_code`)

// parseReport parses what observe has printed. Pids, and the numbers of terminals, are
// replaced by what they are to the process.
func parseReport(t *testing.T, text string) report {
	t.Helper()
	r := report{}
	var part string
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "== "); ok {
			part = strings.TrimSpace(name)
			r[part] = nil
		} else if line = strings.TrimSuffix(line, "\n"); line != "" {
			r[part] = append(r[part], line)
		}
	}
	if len(r["stat"]) != 1 || r["calls"] == nil {
		t.Fatalf("this is no report of observe:\n%s", text)
	}
	fields := strings.Fields(r["stat"][0])
	if len(fields) != len(statFields) {
		t.Fatalf("/proc/self/stat has %d fields, want %d: %s", len(fields), len(statFields), r["stat"][0])
	}
	r["stat"] = nil
	for i, field := range fields {
		r["stat"] = append(r["stat"], statFields[i]+" "+field)
	}
	names := map[string]string{fields[0]: "own", fields[3]: "the parent's"} // the fields pid and ppid
	for _, part := range []string{"status", "stat"} {
		for i, line := range r[part] {
			if regexp.MustCompile(`^(Tgid|Pid|PPid|NS\w+):|^(pid|ppid|pgrp|session|tpgid) `).MatchString(line) {
				r[part][i] = regexp.MustCompile(`[0-9]+`).ReplaceAllStringFunc(line, func(pid string) string {
					if name := names[pid]; name != "" {
						return name
					}
					return pid
				})
			}
		}
	}
	for i, line := range r["stat"] {
		r["stat"][i] = regexp.MustCompile(`^tty_nr [1-9][0-9]*$`).ReplaceAllString(line, "tty_nr of a terminal")
	}
	for i, line := range r["autogroup"] {
		r["autogroup"][i] = regexp.MustCompile(`^/autogroup-[0-9]+ `).ReplaceAllString(line, "") // each session has its own
	}
	for i, line := range r["fd"] {
		r["fd"][i] = regexp.MustCompile(`/dev/pts/[0-9]+$`).ReplaceAllString(line, "/dev/pts/N")
	}
	for _, out := range leftOut {
		r[out.part] = slices.DeleteFunc(r[out.part], regexp.MustCompile(out.pattern).MatchString)
	}
	return r
}

// diff returns the lines of which want has another, with their parts.
func (r report) diff(want report) (all []string) {
	for part, lines := range want {
		for _, line := range lines {
			if !slices.Contains(r[part], line) {
				all = append(all, fmt.Sprintf("%s: without: %q", part, line))
			}
		}
		for _, line := range r[part] {
			if !slices.Contains(lines, line) {
				all = append(all, fmt.Sprintf("%s: with:    %q", part, line))
			}
		}
	}
	slices.Sort(all)
	return all
}
