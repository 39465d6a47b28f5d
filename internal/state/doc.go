// Package state owns the formats of the state directory, and reads them: the names
// and contents of its files, and the process behind a pid. Every reader and writer in
// this project goes through it.
//
// All of it also runs in the direct entry of cmd/healthprobe, where the Go runtime
// has not started: it never allocates or panics, and uses no package-level variable
// that needs an initializer. TestStateObeysTheRules in test/entry enforces this.
//
// # The directory
//
// <rundir>/<unit>/. rundir is the -rundir flag, else LIVENESS_RUNDIR, else
// /run: an absolute path, since probe and writer may run in different directories.
// unit is the -unit flag, else LIVENESS_UNIT_NAME, else the host name
// (the nodename of uname(2)). An empty variable counts as unset. A unit name is
// 1 to 255 bytes, holds no slash and no NUL, and is neither "." nor "..".
// Containers of one pod share a host name. Two that share a rundir must name
// their units, because ownership is visible only inside one pid namespace.
//
// # The files
//
//	pid       the application's pid: canonical decimal (no sign, no leading
//	          zero), 1 to 2^31-1; at most 64 bytes
//	error     the state: 0 is healthy, anything else is not; canonical decimal,
//	          0 to 2^31-1; at most 64 bytes
//	identity  "<pid> <starttime> <boot_id>": the process that the pid meant;
//	          at most 128 bytes. starttime is field 22 of /proc/<pid>/task/<pid>/stat, in
//	          clock ticks after boot, kept and compared as text. boot_id is
//	          /proc/sys/kernel/random/boot_id, or where that file does not
//	          exist "btime-<seconds>" from the btime line of /proc/stat, or "-"
//	          where there is neither (a recorded "-" is not compared). In gVisor,
//	          where there is a /proc/sentry-meminfo, "-<nanoseconds>" follows:
//	          those of the change time of /dev/pts, canonical decimal, 1 to
//	          999999999. They are compared only if both sides have them. The
//	          file is absent in directories that other programs write, and where
//	          there is no /proc.
//	reason    "<code> <text>": one line of printable text for people
//	          (see Sanitize); belongs to error only while the codes agree; at most
//	          512 bytes; optional
//
// A bash script or a Python module needs to know only pid and error. identity
// invalidates the state of a previous run: in a container the application is nearly
// always pid 1, and the directory outlives a restart.
//
// We write a newline after each value. Readers trim ASCII white space around the
// value. Every other deviation (empty, sign, leading zero, two values, too long, not a
// regular file) is unhealthy. A load creates the directory, and the run directory with
// its parents, as 0755; existing ones keep their mode and owner.
//
// Whoever the directory lets write can do all that the protocol lets them do, whoever
// came first, as far as the file system permits. A state file is mode 0644 plus the
// directory's write bits for group and others, whatever the umask. A writer with euid
// 0 gives its files, before they appear, to the owner of pid, and in a load to the
// directory's, or with the sticky bit to the recorded process's user, so that an
// application that drops its privileges later can go on. All get the directory's group
// where that is possible, and an ACL where owner, group and mode do not do. Where the
// sticky bit forbids replacing another user's file, a code other than 0 empties error
// in place, a beat touches it, and 0, load and reset refuse. A 0 is never written in
// place.
//
// # Changing it
//
// Whoever changes the state holds flock(2) on the file .lock in the unit directory,
// which only those who may write to the directory can open. Each file is replaced as a
// whole, by a temporary file and rename(2). An existing file is changed in place,
// truncated or touched, only if it is a regular file with one link. A set that has to
// clear the previous state without the lock opens it before it checks the owner, and
// also removes the temporary file of a set that was stopped before its rename. A load
// fails if /proc belongs to another pid namespace. There is no fsync: the state
// describes running processes and means nothing after a power loss. A file cut short by
// one is malformed, and therefore unhealthy. Package writer does all this.
//
// # What is promised
//
// Safety: a probe (without -live) says healthy only if at some moment while it ran
// the process recorded by the last successful load was alive, and 0 was the last code
// set for it since that load. A set counts from when it has the lock and has found that
// process alive.
//
// Liveness: a probe that can see the process says unhealthy only if at some moment
// while it ran this was not so. It stays so during any number of set 0 and beat, and of
// calls for processes that do not own the unit.
//
// Both hold when writers are killed or fail at any step, when several run at once, for
// files from a previous run, and when pids are reused, within one pid namespace.
// test/model tries every order of the steps.
package state
