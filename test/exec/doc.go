// Package exec tests that nobody can tell whether a program was started by
// healthctl exec or without it, and that healthctl run changes no more than a parent has
// to: the program testdata/observe.c prints what it sees
// of itself, and both reports have to be equal, through everything that starts
// programs and gives them something: ignored signals, a scheduling policy, a
// parent-death signal, a terminal.
//
// What is left out of the comparison is in leftOut, with a reason. To see a
// difference, run one way of starting only:
//
//	go test ./test/exec -run TestInvisible/release/chrt -v
//
// Each program is started many times, because some differences depend on which thread of
// the Go runtime executes it: with CI=true mostly 200 times.
package exec
