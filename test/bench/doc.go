// Package bench measures what one run of a probe costs, as a whole process:
//
//	go test -run '^$' -bench . ./test/bench
//
// It runs on linux/amd64, takes about half a minute and prints a Markdown table that
// compares both entries of healthprobe with the bash script that it replaces, a
// minimal checker in C (if gcc is installed) and a baseline: a process that exits
// at its first instruction. No probe can cost less than the baseline, so compare
// the ratios to it rather than the times, which differ from machine to machine.
//
//	time           from before fork until wait4 returns, median
//	by vfork       the same with vfork, which hardly adds a cost of the launcher
//	x baseline     the time as a multiple of the baseline's
//	page faults    of the program itself; the baseline has one
//	threads, peak memory, system calls
//	               of one run under ptrace(2)
//
// BenchmarkRun does the same for healthctl run, beside tini and catatonit (if they are
// installed) and a program in C.
//
// No test asserts on these figures. Measure on an idle machine.
package bench
