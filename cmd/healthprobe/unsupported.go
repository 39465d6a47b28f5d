//go:build !unix

package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintf(os.Stderr, "healthprobe: needs a Unix system, such as Linux, and this is %s\n", runtime.GOOS)
	os.Exit(1)
}
