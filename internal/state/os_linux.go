package state

import "golang.org/x/sys/unix"

// dirFlag opens a directory only to open files in it, which needs no permission
// to read it.
const dirFlag = unix.O_PATH
