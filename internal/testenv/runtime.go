//go:build !(linux && healthprobe_direct)

package testenv

const direct = false
