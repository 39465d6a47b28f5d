// Baseline is a process that exits at its first instruction, linked as the
// direct entry of healthprobe is, with -ldflags=-E=main.baseline. Its cost is what
// the kernel needs to start and end a static Go binary: no probe can cost less.
package main

// baseline is in baseline_linux_amd64.s.
func baseline()

func main() { baseline() }
