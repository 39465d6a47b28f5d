// Package state owns the formats of the state directory, and reads them: the
// names and contents of its files, the system calls that read them, and the
// process behind a pid. Every reader and every writer of this project goes
// through it.
//
// Everything in it also runs in the direct entry of cmd/healthprobe, before the
// Go runtime has started: it allocates nothing, panics nowhere and uses no
// package-level variable that needs an initializer. TestStateObeysTheRules in
// test/entry enforces this.
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
//	identity  "<pid> <starttime> <boot_id>": which process that pid meant;
//	          at most 128 bytes. starttime is field 22 of /proc/<pid>/task/<pid>/stat, in
//	          clock ticks after boot, kept and compared as text. boot_id is
//	          /proc/sys/kernel/random/boot_id, or where that file does not
//	          exist "btime-<seconds>" from the btime line of /proc/stat, or "-"
//	          where there is neither (a recorded "-" is not compared). In gVisor,
//	          where there is a /proc/sentry-meminfo, "-<nanoseconds>" follows:
//	          those of the change time of /dev/pts, canonical decimal, 1 to
//	          999999999. They are not compared where either side has none. The
//	          file is absent in directories that other programs write, and where
//	          there is no /proc.
//	reason    "<code> <text>": one line of printable text for people
//	          (see Sanitize); belongs to error only while the codes agree; at most
//	          512 bytes; optional
//
// A bash script or a Python module needs to know only pid and error. identity
// makes the state of a previous run useless: in a container the application is
// nearly always pid 1, and the directory outlives a restart.
//
// Values end with a newline when we write them. Readers trim ASCII white space
// around the value. Every other deviation (empty, sign, leading zero, two
// values, too long, not a regular file) is unhealthy. Files are mode 0644
// whatever the umask. A load makes the directory, and the run directory with
// its parents, as 0755; one that exists keeps its mode and owner. A writer with euid 0 changes the owner of each file
// to the directory's before the file appears, so that an application that drops
// its privileges later can still change it.
//
// # Changing it
//
// Whoever changes the state holds flock(2) on the file .lock in the unit
// directory, which only those who may write the directory can open. Each file is
// replaced as a whole, by a temporary file and rename(2). A file that exists is
// changed in place, emptied or touched, only if it is a regular file with one
// link. A set that has to clear the previous state without the lock opens it
// before it checks the owner, and also removes the temporary file of a set that
// was stopped before its rename. A load refuses if /proc belongs to another pid
// namespace. There is no fsync: the state describes running processes and means
// nothing after a power loss. A file cut short by one is malformed, so
// unhealthy. Package writer does all this.
//
// # What is promised
//
// Safety: a probe (without -live) says healthy only if at some moment while it
// ran the process that the last successful load recorded was alive, and 0 was the
// last code set for it since that load. A set counts from when it has the lock
// and has found that process alive.
//
// Liveness: a probe that can see the process says unhealthy only if at some
// moment while it ran this was not so. Set 0 and beat, however many, and calls
// for processes that do not own the unit do not change it.
//
// Both hold when writers are killed or fail at any step, for several of them at
// once, for files kept from an earlier life, and when pids are used again, within
// one pid namespace. test/model tries every order of the steps.
package state
