//go:build healthprobe_direct

package state

// noRuntime is true in a program that is entered by the direct entry, where there
// is no scheduler; see cmd/healthprobe/entry_linux.go.
const noRuntime = true
