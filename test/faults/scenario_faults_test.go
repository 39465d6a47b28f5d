//go:build linux && amd64

package faults

import "golang.org/x/sys/unix"

// fault is something that happens to one call of a command, or to all from
// there on.
type fault struct {
	name    string
	does    action
	fits    func(call) bool // whether this can happen to a call
	lasting bool            // it happens to all that fit from there on
	thenNo  unix.Errno      // after a short write: what the next write gives
	nothing bool            // a correct program does not notice

	// Nothing helps, or the command must not act: what stood before may stand
	// afterwards, even if the code to be set was not 0.
	helpless bool

	oneOf int // in the short form one point of so many is tried
}

// Faults that are not like the others.
const (
	killedAfter = "killed after"
	hiddenAll   = "hidden from there on"
)

var faults = []fault{
	{name: "killed before", does: action{kind: kill}, fits: every, oneOf: 7},
	{name: killedAfter, does: action{kind: kill}, fits: every, oneOf: 13},
	{name: "EIO", does: action{kind: fail, errno: unix.EIO}, fits: mayFail, oneOf: 7},
	{name: "EIO from there on", does: action{kind: fail, errno: unix.EIO}, fits: mayFail, lasting: true, helpless: true, oneOf: 13},
	{name: "ENOSPC", does: action{kind: fail, errno: unix.ENOSPC}, fits: changes, oneOf: 4},
	{name: "ENOSPC from there on", does: action{kind: fail, errno: unix.ENOSPC}, fits: needsSpace, lasting: true, oneOf: 4},
	{name: "EDQUOT", does: action{kind: fail, errno: unix.EDQUOT}, fits: changes, oneOf: 13},
	{name: "EROFS", does: action{kind: fail, errno: unix.EROFS}, fits: changes, oneOf: 11},
	{name: "EROFS from there on", does: action{kind: fail, errno: unix.EROFS}, fits: changes, lasting: true, helpless: true, oneOf: 13},
	{name: "EMFILE", does: action{kind: fail, errno: unix.EMFILE}, fits: opens, oneOf: 11},
	{name: "EMFILE from there on", does: action{kind: fail, errno: unix.EMFILE}, fits: opens, lasting: true, helpless: true, oneOf: 13},
	{name: "EINTR", does: action{kind: fail, errno: unix.EINTR}, fits: interruptible, nothing: true, oneOf: 11},
	{name: "done but reported as EIO", does: action{kind: doAndLie, errno: unix.EIO}, fits: changesOrCloses, oneOf: 7},
	{name: "short write", does: action{kind: short}, fits: writes, nothing: true, oneOf: 2},
	{name: "short write, then ENOSPC", does: action{kind: short}, fits: writes, thenNo: unix.ENOSPC, oneOf: 2},
	// hidepid hides other users' processes: no stat to read, EPERM for a signal.
	{name: "hidden", does: action{kind: fail, errno: unix.ENOENT}, fits: opensStat, helpless: true, oneOf: 2},
	{name: hiddenAll, does: action{kind: fail, errno: unix.ENOENT}, fits: opensStat, lasting: true, helpless: true, oneOf: 2},
	{name: "EPERM", does: action{kind: fail, errno: unix.EPERM}, fits: signals, oneOf: 1},
}

func every(call) bool     { return true }
func changes(c call) bool { return c.changes }

// needsSpace is what a full disk refuses: it still cuts and removes files.
func needsSpace(c call) bool {
	return writes(c) || opens(c) && c.changes || c.name == "mkdir" || c.name == "mkdirat"
}

func writes(c call) bool  { return c.name == "write" || c.name == "pwrite64" }
func opens(c call) bool   { return c.name == "open" || c.name == "openat" || c.name == "openat2" }
func signals(c call) bool { return c.name == "kill" }

func opensStat(c call) bool { return opens(c) && isStat(c.path) }

// mayFail leaves out close, which fails only after it has closed, and kill,
// which reads nothing from a disk.
func mayFail(c call) bool { return c.name != "close" && c.name != "kill" }

func interruptible(c call) bool { return mayFail(c) && c.name != "execve" }

func changesOrCloses(c call) bool { return c.changes || c.name == "close" || c.name == "flock" }

// hit tells the fault's action for call c, if the fault was to begin at call n.
func (f *fault) hit(c call, n int) action {
	switch {
	case f.name == killedAfter:
		if c.after && c.n == n {
			return f.does
		}
	case c.after:
	case c.n == n, f.lasting && c.n > n && f.fits(c):
		return f.does
	case f.thenNo != 0 && c.n > n && writes(c):
		return action{kind: fail, errno: f.thenNo}
	}
	return action{}
}
