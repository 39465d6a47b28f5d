//go:build healthprobe_direct

package testenv

const direct = true
