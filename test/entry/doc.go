// Package entry tests what is special about the two entries of healthprobe, and
// above all the direct one: there the Go runtime never starts, so code that needs
// it crashes without a message or silently reads zeros. What both entries answer
// is tested by the scripts in testdata/script.
//
// These tests are the guard rails:
//
//   - TestDirectEntryRules compiles healthprobe with -gcflags=-S and follows every
//     reference from main.enter. Whatever it reaches outside this module must be
//     in the list allowed, and nothing may rely on an init function.
//   - TestStateObeysTheRules does the same from every function of internal/state,
//     internal/sys and internal/text.
//   - TestDirectEntryRulesMutants breaks the rules on purpose, one at a time, and
//     fails if that is not reported.
//   - TestSystemCalls and TestBinary check the system calls and the ELF file.
//   - TestExhaustion, TestDescriptors, TestEnvironment, TestLongTexts and
//     TestNoArguments run the probe where little works: no processes or memory
//     left, closed descriptors, odd environments and arguments.
//   - TestPidsMax and TestMemoryMax do it in a cgroup of v2 that is at its limit.
//     They skip where there is none; test/integration/machine boots kernels that have it.
//   - TestCannotStart forbids the one system call that the stub itself needs.
//   - FuzzEntries compares the entries with each other on the same input.
//
// A violation of the rules names the source line, the function and what it uses:
//
//	format.go:112: .../internal/state.ParseX: uses runtime.growslice (R_CALL)
//
// Line 112 appends to a slice, which may allocate. The line may be in the standard
// library if its code was inlined; the function is still ours. Usual causes:
//
//	runtime.newobject, mallocgc... a variable is on the heap
//	runtime.makeslice              so is a slice
//	runtime.growslice              append
//	runtime.concatstring2          + on strings
//	runtime.panicBounds            an index that the compiler cannot prove
//	type: or go:itab.              a value is put into an interface
//	..., which ... initializes     a variable whose value an init function sets
//
// Rewrite the code so that the reference goes away; the rules, with reasons, are
// in cmd/healthprobe/entry_linux.go. Add to allowed only what works without the
// runtime, and say why. "go build -gcflags=-m" shows what escapes to the heap.
package entry
