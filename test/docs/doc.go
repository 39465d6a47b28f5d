// Package docs contains only tests. The documents are tested like the rest, so that
// they cannot rot: every command, program, example and message in README.md and docs
// is run, or compared with what is tested elsewhere.
//
//	go test ./test/docs
//
// Each kind of code block has its check in docCheckers of docs_test.go; a block of
// any other kind fails.
package docs
