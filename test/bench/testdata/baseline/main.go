// Baseline is a process that exits at its first instruction, linked as the
// direct entry of healthprobe is. What it costs is the kernel's work of starting
// and ending a static Go binary: no probe can cost less. Linked with
// -ldflags=-E=main.baseline.
package main

// baseline is in baseline_linux_amd64.s.
func baseline()

func main() { baseline() }
