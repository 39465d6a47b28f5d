// Package script contains only tests. It runs the scripts in testdata/script
// against the built programs:
//
//	go test ./test/script -run TestScript/direct/set-reason
//
// Every script passes through both entries and, with qemu-user, on other
// architectures. The commands that scripts have beside those of testscript are in
// commands_test.go, the conditions in script_test.go.
package script
