// Package examples contains only tests. It takes the applications in other
// languages, those of the directory examples and the program of docs/state.md,
// through their whole life:
//
//	go test ./test/examples -run TestLanguages/python
//
// The worker in Go and the shell entrypoint have scripts in testdata/script.
package examples
