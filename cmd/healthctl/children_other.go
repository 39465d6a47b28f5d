//go:build unix && !linux

package main

// reaper is for pid 1 of a container.
func reaper() func() { return func() {} }
