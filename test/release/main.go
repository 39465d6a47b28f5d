// Release verifies what release.sh has made, as far as whoever downloads it can.
// Run it with
//
//	./release.sh verify DIST
//
// in a clone that has the commit. It trusts nothing in DIST: it makes the same release
// again, and compares.
//
// It prints a line for each check. Exit status 0: all have passed. 1: one has failed.
// 2: wrong usage. 3: none has failed, but something could not be checked here, such as
// the vulnerabilities where their database cannot be reached.
package main

import (
	"errors"
	"fmt"
	"os"
)

// check is one of the checks. It returns what it has found to be right.
type check struct {
	name string
	run  func(*release) (string, error)
}

// checks are in an order in which each may rely on those before it.
var checks = []check{
	{"checksums", checkSums},
	{"archives", checkArchives},
	{"modules", checkModules},
	{"image", checkImage},
	{"rebuild", checkRebuild}, // what cannot be made again is not run
	{"programs", checkPrograms},
	{"container", checkContainer},
	{"vulnerabilities", checkVulnerabilities},
}

// unchecked is the error of a check that could not be made.
type unchecked struct{ error }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: ./release.sh verify DIST")
		os.Exit(2)
	}
	os.Exit(verify(os.Args[1]))
}

// verify makes all checks and returns the exit status. It ends at the first that
// fails: what is damaged is not run.
func verify(dist string) (status int) {
	tmp, err := os.MkdirTemp("", "healthprobe-release-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(tmp)
	r := &release{dir: dist, tmp: tmp}
	for _, c := range checks {
		found, err := c.run(r)
		var not unchecked
		switch {
		case errors.As(err, &not):
			fmt.Printf("%-15s NOT CHECKED: %v\n", c.name, err)
			status = 3
		case err != nil:
			fmt.Printf("%-15s FAILED: %v\n", c.name, err)
			return 1
		default:
			fmt.Printf("%-15s %s\n", c.name, found)
		}
	}
	return status
}
