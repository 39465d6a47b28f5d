//go:build linux && amd64

package faults

import "golang.org/x/sys/unix"

// fault is what happens to one call of a command, or to that call and all later
// ones.
type fault struct {
	name       string
	action     action
	applies    func(call) bool // reports whether this can happen to a call
	persistent bool            // it also happens to all later calls that it applies to
	nextErrno  unix.Errno      // after a short write: the error of the next write
	retried    bool            // a correct program tries again and succeeds

	// The old state may remain, even if the code to set was not 0, because the
	// command can do nothing about the fault or must not act.
	oldStateOK bool

	oneOf int // the short form tries one of so many points
}

// Names of the faults that need special treatment.
const (
	killedAfter        = "killed after"
	hiddenPersistently = "hidden (persistent)"
)

var faults = []fault{
	{name: "killed before", action: action{kind: kill}, applies: anyCall, oneOf: 7},
	{name: killedAfter, action: action{kind: kill}, applies: anyCall, oneOf: 13},
	{name: "EIO", action: action{kind: fail, errno: unix.EIO}, applies: mayFail, oneOf: 7},
	{name: "EIO (persistent)", action: action{kind: fail, errno: unix.EIO}, applies: mayFail, persistent: true, oldStateOK: true, oneOf: 13},
	{name: "ENOSPC", action: action{kind: fail, errno: unix.ENOSPC}, applies: changes, oneOf: 4},
	{name: "ENOSPC (persistent)", action: action{kind: fail, errno: unix.ENOSPC}, applies: needsSpace, persistent: true, oneOf: 4},
	{name: "EDQUOT", action: action{kind: fail, errno: unix.EDQUOT}, applies: changes, oneOf: 13},
	{name: "EROFS", action: action{kind: fail, errno: unix.EROFS}, applies: changes, oneOf: 11},
	{name: "EROFS (persistent)", action: action{kind: fail, errno: unix.EROFS}, applies: changes, persistent: true, oldStateOK: true, oneOf: 13},
	{name: "EMFILE", action: action{kind: fail, errno: unix.EMFILE}, applies: opens, oneOf: 11},
	{name: "EMFILE (persistent)", action: action{kind: fail, errno: unix.EMFILE}, applies: opens, persistent: true, oldStateOK: true, oneOf: 13},
	{name: "EINTR", action: action{kind: fail, errno: unix.EINTR}, applies: interruptible, retried: true, oneOf: 11},
	{name: "done but reported as EIO", action: action{kind: failAfter, errno: unix.EIO}, applies: changesOrCloses, oneOf: 7},
	{name: "short write", action: action{kind: short}, applies: writes, retried: true, oneOf: 2},
	{name: "short write, then ENOSPC", action: action{kind: short}, applies: writes, nextErrno: unix.ENOSPC, oneOf: 2},
	// With hidepid there is no stat file of another user's process, and a signal
	// to it fails with EPERM.
	{name: "hidden", action: action{kind: fail, errno: unix.ENOENT}, applies: opensStat, oldStateOK: true, oneOf: 2},
	{name: hiddenPersistently, action: action{kind: fail, errno: unix.ENOENT}, applies: opensStat, persistent: true, oldStateOK: true, oneOf: 2},
	{name: "EPERM", action: action{kind: fail, errno: unix.EPERM}, applies: signals, oneOf: 1},
}

func anyCall(call) bool   { return true }
func changes(c call) bool { return c.changes }

// needsSpace reports whether a full disk can fail the call. It can still truncate
// and remove files.
func needsSpace(c call) bool {
	return writes(c) || opens(c) && c.changes || c.name == "mkdir" || c.name == "mkdirat"
}

func writes(c call) bool  { return c.name == "write" || c.name == "pwrite64" }
func opens(c call) bool   { return c.name == "open" || c.name == "openat" || c.name == "openat2" }
func signals(c call) bool { return c.name == "kill" }

func opensStat(c call) bool { return opens(c) && isStat(c.path) }

// mayFail reports whether the call can fail with an I/O error and do nothing. That
// excludes close, which closes even if it fails, and kill, which does no I/O.
func mayFail(c call) bool { return c.name != "close" && c.name != "kill" }

func interruptible(c call) bool { return mayFail(c) && c.name != "execve" }

func changesOrCloses(c call) bool { return c.changes || c.name == "close" || c.name == "flock" }

// actionFor returns the action for call c of a fault that begins at call n.
func (f *fault) actionFor(c call, n int) action {
	switch {
	case f.name == killedAfter:
		if c.after && c.n == n {
			return f.action
		}
	case c.after:
	case c.n == n, f.persistent && c.n > n && f.applies(c):
		return f.action
	case f.nextErrno != 0 && c.n > n && writes(c):
		return action{kind: fail, errno: f.nextErrno}
	}
	return action{}
}
