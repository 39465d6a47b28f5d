// Package shared contains only tests: of a unit directory that several users may
// write. Whoever the directory lets write must be able to do all that the protocol
// lets them do, whoever came first, as far as the file system permits.
//
// TestMatrix goes through all combinations of
//
//   - the file system: a tmpfs, the disk, and a ramfs, which has no ACLs;
//   - the directory's owner and group, and whether the application is in that group;
//   - its mode: private, shared with a group or with everyone, with the sticky bit,
//     with setgid, or with an ACL;
//   - who loaded the unit for the application, and who set 0;
//   - who calls then: root, root without CAP_CHOWN, the application, a member of the
//     group, a stranger;
//   - the call: load, set 0, set 3, beat, reset.
//
// In each cell the call succeeds if the rule says so, or is refused with one line that
// names the file and how to fix it. After a set 3 the unit is not healthy, after another
// call that was refused nothing has changed. Those who may write the directory can open
// the lock file, and nobody else can. Then the application's own calls work.
//
// Each user is a process of this test's that becomes that user and takes its calls from
// a pipe, so a cell takes a few milliseconds. go test ./test/shared tries a sample, the
// same one in each run, with -long every cell on the tmpfs and one in four elsewhere, and
// with -every all of them. With -v the last lines have their number. It needs Linux and
// root.
package shared
