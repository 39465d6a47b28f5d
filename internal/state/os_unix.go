//go:build unix && !linux

package state

import (
	"time"

	"golang.org/x/sys/unix"
)

const placeFlag = unix.O_RDONLY

func touch(dir int, name string) error {
	now := unix.NsecToTimespec(time.Now().UnixNano())
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{now, now}, unix.AT_SYMLINK_NOFOLLOW)
}
