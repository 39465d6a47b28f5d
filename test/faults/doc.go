// Package faults contains only tests. By fault injection they check the two
// promises of healthprobe:
//
//   - safety: the probe reports healthy only if, at some moment while it ran, the
//     process that the last successful load recorded was alive and "set 0" was
//     the last set since that load;
//   - liveness: while a process is loaded and its last set was 0, no number of
//     "set 0" and "beat" calls makes the probe report unhealthy.
//
// # Method
//
// The tests run the real programs, linked by ./build.sh like a release, and a small
// application that uses package writer (testdata/app). A tracer (tracer_test.go, with
// ptrace(2)) stops a program at each of its file-system calls. It counts the calls
// over all threads, because the Go runtime may make each call on another thread.
//
// A scenario (scenario_test.go, scenario_table_test.go) is a command, the state
// directory and processes that it finds, and the verdict of the probe before and after
// it. What the probe may report in between follows from these two. A point is one call of a command and what
// happens to it there:
//
//   - frozen: the command is stopped before and after each call while the real
//     healthprobe runs. The verdict changes at most once, from the one before to
//     the one after;
//   - killed before or after the call;
//   - failed: the call returns an error such as ENOSPC, EIO or EINTR, writes only
//     one byte, or succeeds but reports an error. That happens to one call or to
//     all later ones too. The command must then report the failure, or have done
//     its work all the same.
//
// After each point the next load must work and leave the unit unhealthy, and the
// next set 0 must make it healthy. The probe gets faults as well: none of them may
// make an unhealthy unit healthy (probe_test.go, which also changes the clock).
//
// healthctl run (run_test.go) is followed from its start to its end, and so is its child
// until it has become COMMAND: both get the same faults. What COMMAND has said tells then
// whether it may be healthy. run_surroundings_test.go has what happens around a run: it is
// killed or stopped, at a limit, locked out, or flooded.
//
// Races (race_test.go) are two programs at once: one is stopped before each of its
// calls while the other runs to its end or waits for the lock. writers_test.go has many
// writers at once. namespaces_test.go has reused pids in a pid namespace and a hidden
// /proc in a mount namespace, files_test.go hostile files and names.
//
// model_test.go compares the steps of the programs with the table of test/model.
//
// fixture_test.go makes a unit and the processes around it. main_test.go builds the
// programs, picks the points and collects violations.
//
// # Mutants
//
// The mutants test the tests. mutant_test.go has a table of bugs. Each one is
// patched into a copy of the source (go build -overlay), and the tests named beside
// it must find it. A mutant whose patch no longer applies fails the test: update it
// along with the code.
//
// # Short and long
//
// go test ./test/faults tries a sample of the points, the same one in each run. With -long
// it tries every mutant and every point, but one in eight of a scenario that is similar to
// another, and puts load on a unit for a minute. With -long -every it tries those too.
// With -v the last line shows the counts. The tests need linux/amd64 and root. What they
// lack they skip with a reason, or fail if CI=true (unsupported_test.go, testenv.Require).
package faults
