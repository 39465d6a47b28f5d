//go:build linux && amd64

package faults

// bugs are mistakes that are easy to make, some of them once made.
var bugs = []bug{
	{
		name: "a file is cut and written instead of replaced", file: "internal/state/dir.go", short: true,
		old:   "unix.Openat(d.fd, tempFile, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)",
		new:   "unix.Openat(d.fd, ErrorFile, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)\n\t\tunix.Linkat(d.fd, ErrorFile, d.fd, tempFile, 0)",
		finds: inScenarios("set 0 over 0"),
		shows: "unhealthy, and is so neither before nor after",
	},
	{
		name: "the old error is kept across load", file: "internal/state/dir.go",
		old:   "[]string{ErrorFile, ReasonFile, PidFile, IdentityFile, tempFile}",
		new:   "[]string{ReasonFile, PidFile, IdentityFile, tempFile}",
		finds: inScenarios("load, same pid reused"),
		shows: "healthy, and is so neither before nor after",
	},
	{
		name: "load does not clear a second time", file: "writer/load.go", short: true,
		old:   "\tif err := d.Clear(); err != nil {\n\t\treturn err\n\t}\n\treturn then(d)\n}",
		new:   "\tif !begun {\n\t\tbegun = true\n\t\tif err := d.Clear(); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n\treturn then(d)\n}\n\nvar begun bool",
		finds: inPair("load; another loads, sets 0 and dies"),
		shows: "nobody set 0 for the process",
	},
	{
		name: "the probe reads error first", file: "internal/verdict/verdict.go", short: true,
		old: `	owned := p.owned(dir)
	if p.Detail || owned && (!p.Live || p.MaxAge > 0) {
		p.readError(dir)
	}
`,
		new: `	p.readError(dir)
	owned := p.owned(dir)
`,
		finds: inPair("probe of a stale 0; load"),
		shows: "though at no time was it",
	},
	{
		name: "EIO is taken for absent by load", file: "internal/state/dir.go",
		old:   "case e == unix.ENOENT:\n\t\treturn nil, nil",
		new:   "case e == unix.ENOENT || e == unix.EIO:\n\t\treturn nil, nil",
		finds: inScenarios("load, another live owner"),
		shows: "was to be refused, but worked",
	},
	{
		name: "EIO is taken for absent by the probe", file: "internal/verdict/verdict.go",
		old:   "case e == syscall.ENOENT && !p.Strict:",
		new:   "case e != 0 && !p.Strict:",
		finds: inProbe("same pid reused"),
		shows: "healthy because openat of RUNDIR/web/identity",
	},
	{
		name: "a process whose stat cannot be read is taken for dead", file: "internal/state/process.go",
		old:   "if answer == syscall.ESRCH && (e == syscall.ENOENT || e == syscall.ESRCH) {",
		new:   "if e != 0 {",
		finds: inScenarios("load, another live owner"),
		shows: "was to be refused, but worked",
	},
	{
		name: "no lock", file: "internal/state/lock.go", short: true,
		old:   "return unix.Flock(d.fd, unix.LOCK_EX|unix.LOCK_NB)",
		new:   "return nil",
		finds: inPair("late set; the next load"),
		shows: "nobody set 0 for the process",
	},
	{
		name: "no lock, and two loads", file: "internal/state/lock.go",
		old:   "return unix.Flock(d.fd, unix.LOCK_EX|unix.LOCK_NB)",
		new:   "return nil",
		finds: inPair("two loads"),
		shows: "two live processes were told",
	},
	{
		name: "the lock of a directory that has been replaced counts", file: "internal/state/lock.go",
		old:   "if err == nil && (here.Dev != there.Dev || here.Ino != there.Ino) || errors.Is(err, os.ErrNotExist) {",
		new:   "if false {",
		finds: inPair("set 0; directory moved away and made anew, another loads"),
		shows: "was told that it had set",
	},
	{
		name: "an owner of whom nothing can be told is replaced", file: "writer/owner.go",
		old:   "case r.id.Pid == 0, r.standing.Ended():\n\t\treturn nil",
		new:   "case r.id.Pid == 0, r.standing.Ended(), r.standing == state.Unknown:\n\t\treturn nil",
		finds: inScenarios("load, another live owner"),
		shows: "was to be refused, but worked",
	},
	{
		name: "a failed set of another code than 0 leaves 0 behind", file: "writer/set.go",
		old:   "if err := d.Withdraw(); err != nil {",
		new:   "if err := error(nil); err != nil {",
		finds: inScenarios("set 42 over 0"),
		shows: "ENOSPC at call",
	},
	{
		name: "reset removes identity before error", file: "internal/state/dir.go", short: true,
		old:   "[]string{ErrorFile, ReasonFile, PidFile, IdentityFile, tempFile}",
		new:   "[]string{IdentityFile, ErrorFile, ReasonFile, PidFile, tempFile}",
		finds: inScenarios("reset, same pid reused"),
		shows: "healthy, and is so neither before nor after",
	},
	{
		name: "reset removes identity before error, of a live owner", file: "internal/state/dir.go",
		old:   "[]string{ErrorFile, ReasonFile, PidFile, IdentityFile, tempFile}",
		new:   "[]string{IdentityFile, ErrorFile, ReasonFile, PidFile, tempFile}",
		finds: inScenarios("reset"),
		shows: "pid and 0 stand without identity",
	},
	{
		name: "the start time is not compared", file: "internal/state/process.go",
		old:   "if s == Alive && View(start) != View(id.Start) {",
		new:   "if false {",
		finds: inScenarios("set 0, same pid reused"),
		shows: "healthy, and is so neither before nor after",
	},
	{
		name: "a zombie leader is taken for dead", file: "internal/state/process.go",
		old:   "s.State == 'Z' && s.Threads <= 1",
		new:   "s.State == 'Z'",
		finds: inScenarios("load, zombie leader with live threads"),
		shows: "want healthy: unhealthy: web: pid",
	},
	{
		name: "a short write is taken for a whole one", file: "internal/state/dir.go",
		old:   "b = b[max(n, 0):]",
		new:   "b = nil",
		finds: inScenarios("set 42 over 0"),
		shows: "error holds",
	},
	{
		name: "beat writes 0", file: "internal/state/dir.go",
		old:   `return d.do("touch", ErrorFile, func() error { return touch(d.fd, ErrorFile) })`,
		new:   `return d.Replace(ErrorFile, []byte("0"))`,
		finds: inScenarios("beat over 42"),
		shows: "healthy, and is so neither before nor after",
	},
	{
		name: "set does not look who owns the unit", file: "writer/set.go",
		old:   "\treturn u.mine(r)\n",
		new:   "\tu.mine(r)\n\treturn nil\n",
		finds: inPair("load; a late set of the one before"),
		shows: "nobody set 0 for the process",
	},
	{
		name: "pid is written before identity", file: "writer/load.go",
		old:   "\t\tif len(me.Start) > 0 {\n",
		new:   "\t\td.Replace(state.PidFile, state.AppendNumber(nil, me.Pid))\n\t\tif len(me.Start) > 0 {\n",
		finds: inScenarios("load, fresh"),
		shows: "healthy without identity",
	},
}
