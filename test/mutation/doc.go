// Package mutation contains only tests. It tests the tests: it changes the code in
// one place, by rule, and expects a test to fail.
//
// # Mutants
//
// operators_test.go has the rules: negate a condition, flip a comparison, swap &&
// and ||, drop a statement or a case, change a constant by 1, return nil in place of
// an error. They are applied wherever they fit in the directories that mutants_test.go
// lists; what does not compile is left out. A mutant is named after its file, function
// and source text, and not after its line:
//
//	writer/lock.go more: negate "time.Now().After(w.until)"
//
// A mutant is put in place by go build -overlay, in the programs as well. Then the
// short tests that could find it run, one after the other until one fails: the unit
// tests of its package and of those that use it, the scripts in testdata/script
// through one entry, and TestMessages. There are no fault tests among them: they
// have mutants of their own.
//
// # Survivors
//
// survivors.txt lists the mutants that no test finds, each with the reason: it does
// the same, or what it changes is not promised. The test fails if a mutant survives
// that is not listed, and if a listed one is found or no longer exists.
//
// go test ./test/mutation -long tries a sample of about thirty, the same one in
// each run, and -all every mutant, for an hour. -only REGEXP tries those whose name
// matches.
package mutation
