//go:build linux && amd64

package faults

import (
	"os"

	"golang.org/x/sys/unix"
)

const (
	noFile    = "is not a regular file"
	isLink    = "is a symbolic link"
	noDir     = "must be a directory"
	isDir     = "is a directory"
	tooLong   = "holds more than"
	bystander = "../bystander"
)

func hostileDirs() []hostileDir {
	return []hostileDir{
		{"error is a FIFO", instead("error", fifo), noFile, false},
		{"error is a FIFO that holds 0", instead("error", fullFIFO), noFile, false},
		{"pid is a FIFO", instead("pid", fifo), noFile, false},
		{"identity is a FIFO that holds 0", instead("identity", fullFIFO), noFile, false},
		{"error is a socket", instead("error", socket), noFile, false},
		{"error has 1 GB", instead("error", sparse("0\n")), tooLong, false},
		{"error has 1 GB of zeros", instead("error", sparse("")), tooLong, false},
		{"pid has 1 GB", instead("pid", sparse("1\n")), tooLong, false},
		{"identity has 1 GB", instead("identity", sparse("1 1 -\n")), tooLong, false},
		{"error is /dev/null", instead("error", device(1, 3)), "is empty", false},
		{"error is /dev/zero", instead("error", device(1, 5)), tooLong, false},
		{"error is a device that does not exist", instead("error", device(241, 77)), noFile, false},
		{"error is a directory", instead("error", directory), isDir, true},
		{"error is a directory that is not empty", instead("error", fullDirectory), isDir, true},
		{"pid is a directory", instead("pid", directory), isDir, true},
		{"error is a link to a file", func(f *fixture) {
			must(os.WriteFile(f.runDir+"/zero", []byte("0\n"), 0o644))
			instead("error", linkTo("../zero"))(f)
		}, isLink, false},
		{"error is a link to an unrelated file", instead("error", linkTo(bystander)), isLink, false},
		{"error is a dangling link", instead("error", linkTo("nowhere")), isLink, false},
		{"error is a circular link", instead("error", linkTo("error")), isLink, false},
		{"pid is a link", instead("pid", linkTo(bystander)), isLink, false},
		{"identity is a dangling link", instead("identity", linkTo("nowhere")), isLink, false},
		{"reason is a FIFO", instead("reason", fifo), "", false},
		{"reason is a directory", instead("reason", directory), "", true},
		{"temporary file is a FIFO", instead(".tmp", fifo), "", false},
		{"temporary file has 1 GB", instead(".tmp", sparse("0\n")), "", false},
		{"temporary file is a link to an unrelated file", instead(".tmp", linkTo(bystander)), "", false},
		{"temporary file is a directory", instead(".tmp", directory), "", true},
		{"other files", func(f *fixture) {
			must(sparse("")(f.path("core")))
			must(fifo(f.path("control")))
			must(linkTo("loop")(f.path("loop")))
			must(fullDirectory(f.path("cache")))
		}, "", false},
		{"run directory is a link", func(f *fixture) {
			must(os.Symlink(f.runDir, f.runDir+"/link"))
			f.runDir += "/link"
		}, "", false},
		{"run directory is writable by everyone, and sticky", func(f *fixture) {
			must(unix.Chmod(f.runDir, 0o1777))
		}, "", false},
		{"run directory of another user", func(f *fixture) { chownToNobody(f.runDir) }, "", false},
		{"unit directory of another user", func(f *fixture) {
			chownToNobody(f.path())
			must(os.Chmod(f.path(), 0o775))
		}, "", false},
		{"unit directory is a link", replaced(func(f *fixture) error { return os.Symlink("web.old", f.path()) }), noDir, true},
		{"unit directory is a dangling link", replaced(func(f *fixture) error { return os.Symlink("nowhere", f.path()) }), noDir, true},
		{"unit directory is a circular link", replaced(func(f *fixture) error { return os.Symlink("web", f.path()) }), noDir, true},
		{"unit directory is a FIFO", replaced(func(f *fixture) error { return fifo(f.path()) }), noDir, true},
		{"unit directory is a file", replaced(func(f *fixture) error { return sparse("0\n")(f.path()) }), noDir, true},
		{"unit directory is a device", replaced(func(f *fixture) error { return device(1, 5)(f.path()) }), noDir, true},
	}
}

// replaced renames the unit directory to web.old before put makes another one.
func replaced(put func(*fixture) error) func(*fixture) {
	return func(f *fixture) {
		must(os.Rename(f.path(), f.path()+".old"))
		must(put(f))
	}
}
