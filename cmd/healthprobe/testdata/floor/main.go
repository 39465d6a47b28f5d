// Floor is the least that a process can be: it is linked as the direct door of
// healthprobe is, and exits at its first system call. What it costs is the
// kernel's work of starting and ending a static Go binary, below which no
// probe can get. Linked with -ldflags=-E=main.floor.
package main

// floor is in floor_linux_amd64.s.
func floor()

func main() { floor() }
