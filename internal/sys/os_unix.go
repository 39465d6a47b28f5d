//go:build unix && !linux

package sys

import "golang.org/x/sys/unix"

const placeFlag = unix.O_RDONLY

func fileTimes(fd int) (mod, change Time, err error) { return fstatTimes(fd) }
