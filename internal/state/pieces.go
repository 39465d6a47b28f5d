package state

import (
	"syscall"

	"github.com/healthprobe/healthprobe/internal/text"
)

// A process begins with none of its program in memory. The first use of each group
// of pages costs it a page fault, and the linker puts literals of different lengths
// far from each other. So the constant texts of a healthy answer are one literal,
// of which the functions below use pieces.
const (
	pieces = PidFile + IdentityFile + ErrorFile + BootIDPath + procDir + statName + DefaultRunDir + RunDirEnv + UnitEnv

	identityAt = len(PidFile)
	errorAt    = identityAt + len(IdentityFile)
	bootIDAt   = errorAt + len(ErrorFile)
	procAt     = bootIDAt + len(BootIDPath)
	statAt     = procAt + len(procDir)
	runDirAt   = statAt + len(statName)
	envAt      = runDirAt + len(DefaultRunDir)
	unitAt     = envAt + len(RunDirEnv)

	procDir  = "/proc/"
	statName = "/stat"
)

// Pid is Value for the file pid.
func (r *Reader) Pid(dir int, buf []byte) (value []byte, e syscall.Errno) {
	return r.Value(dir, pieces[:identityAt], buf)
}

// Identity is Value for the file identity.
func (r *Reader) Identity(dir int, buf []byte) (value []byte, e syscall.Errno) {
	return r.Value(dir, pieces[identityAt:errorAt], buf)
}

// OpenError is Open for the file error.
func (r *Reader) OpenError(dir int) (fd int, e syscall.Errno) {
	return r.Open(dir, pieces[errorAt:bootIDAt])
}

func (r *Reader) bootIDFile() (id []byte, e syscall.Errno) {
	return r.Value(-1, pieces[bootIDAt:procAt], r.boot[:])
}

// Stat reads /proc/<pid>/stat; the line points into r. The error is ENOENT where
// there is no such file, and ESRCH if the process exits after it was opened.
func (r *Reader) Stat(pid int32) (line []byte, e syscall.Errno) {
	n := text.Put(r.path[:], 0, pieces[procAt:statAt])
	n = text.PutNumber(r.path[:], n, int64(pid))
	n = text.Put(r.path[:], n, pieces[statAt:runDirAt])
	text.PutByte(r.path[:], n, 0)
	line, e = r.read(-1, &r.path[0], r.stat[:])
	if e == syscall.EFBIG { // more fields than needed
		e = 0
	}
	return line, e
}

// RunDir returns DefaultRunDir.
func RunDir() string { return pieces[runDirAt:envAt] }

// IsRunDirEnv reports whether name is RunDirEnv.
func IsRunDirEnv(name string) bool { return text.Same(name, pieces[envAt:unitAt]) }

// IsUnitEnv reports whether name is UnitEnv.
func IsUnitEnv(name string) bool { return text.Same(name, pieces[unitAt:]) }
