// Package model checks the protocol of the state directory by a model: a program
// in Promela, the language of the model checker spin (https://spinroot.com). The
// fault tests of test/faults try what the programs do at the points they have.
// The model has less detail, and spin tries every order of its steps.
//
// # The model
//
//   - protocol.pml: the bounds of a search, the bugs that can be put in, and the
//     world: processes end, become zombies and are reaped, their pids get new
//     processes, the machine boots, the unit's directory is replaced
//   - files.pml: the files, the processes, and the promises
//   - writer.pml and calls.pml: the steps of a writer, and what it does in load,
//     set, beat and reset. Two writers make a number of calls, each for any
//     process. Before any step with the lock a writer may be killed; a set of an
//     error code may find no lock, and its other system calls may fail
//   - probe.pml: one probe, at any time
//
// # The promises
//
// They are those of package state's documentation. The model keeps book of what
// it has told the callers: owner is the process of the last successful load, last
// its last set. While a probe runs, observe notes whether the unit was ready at
// some moment, and whether it was not. Healthy asserts was_ready (safety), and
// unhealthy was_unready (liveness): an answer must have been true at some moment
// since the question. A third assertion is that a load never succeeds while
// another live process owns the unit. Calls for a process that does not own the
// unit do not count: they must change nothing.
//
// Not judged are a probe and a call with the lock that are under way when
// somebody else replaces the directory, and an answer of a probe that cannot see
// the process.
//
// # No drift
//
// steps.txt is a table of runs: the steps of load, set, beat, reset, exec and the
// probe, also when they fail. TestSteps lets spin simulate each run and compares
// the model's steps with the table; TestModel in test/faults traces the real
// programs and compares theirs. Who changes the order of two calls in the code
// has to change the table, and with that the model.
//
// # Running it
//
//	go test ./test/model            the table, and a small search
//	go test ./test/model -long -v   the searches of .ci/run, and every bug
//	go test ./test/model -larger    larger bounds, see docs/internals.md
//
// It needs spin and gcc, Debian's packages of these names. A broken promise is
// printed as the steps that lead there; the documentation has an example. By
// hand, in an empty directory, M being that of this package:
//
//	spin -a -DCALLS=3 $M/protocol.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -E -m100000
//	spin -T -t -k protocol.pml.trail -DCALLS=3 $M/protocol.pml
package model
