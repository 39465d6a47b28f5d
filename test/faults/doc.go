// Package faults holds no code of the project. Its tests prove the two promises
// that the project stands on, by fault injection:
//
//   - safety: a probe says healthy only if, at some moment while it ran, the
//     process that the last successful load recorded was alive and "set 0" was
//     the last set since that load;
//   - liveness: while a process is loaded and its last set was 0, no number of
//     "set 0" and "beat" calls makes a probe say unhealthy.
//
// # How
//
// The programs are the real ones, linked as a release by ./build.sh, and a small
// application that uses package writer (testdata/app). A tracer (tracer_run_test.go,
// ptrace(2)) stops a program at each of its file-system calls, counted over all
// threads, for the Go runtime is free to make each call on another one. A
// scenario (scenario_load_test.go) arranges a state directory and the processes
// around it, and says what the verdict is before its command and after it. From
// that follows what the probe may say in between:
//
//   - frozen (scenario_points_test.go): before and after each call the command stands
//     still while a real healthprobe is asked. If the verdict is the same before
//     and after the command it never is another; if not, it changes once;
//   - killed before and after each call;
//   - each call fails (scenario_faults_test.go): ENOSPC, EDQUOT, EIO, EROFS, EMFILE,
//     EINTR, a short write, done but reported as failed, that call alone or all
//     from there on, a process that hidepid hides. The command then says that it
//     failed, or has done its work all the same.
//
// After each of these the next load and the next set must work: unhealthy after
// the one, healthy after the other.
//
// Two at once (race_run_test.go): one program is stopped before each of its calls
// while another runs through, or comes to wait for the lock. The probe gets
// faults as well (scenario_probe_test.go): whatever fails, unhealthy never becomes
// healthy. Pids are reused for real in a pid namespace (env_reuse_test.go), /proc is
// hidden in a mount namespace (env_hidden_test.go). Hostile neighbours, names, times
// and plain load have files of their own.
//
// # The test of the test
//
// mutant_run_test.go is a table of bugs. Each is patched into a copy of the source
// (go build -overlay), built, and must be found by the scenarios named beside
// it. A bug whose patch no longer applies fails the test: it has to move with
// the code.
//
// # Short and long
//
// go test ./test/faults takes a sample: some of the points of every scenario, always the
// same ones. go test ./test/faults -long takes every point, every planted bug, and a
// minute for each load. -v shows the closing line with the counts. ptrace, namespaces and
// /proc make this linux/amd64 as root; what is missing skips with a reason, or
// fails where CI=true.
package faults
