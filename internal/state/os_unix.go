//go:build unix && !linux

package state

import "golang.org/x/sys/unix"

const dirFlag = unix.O_RDONLY
