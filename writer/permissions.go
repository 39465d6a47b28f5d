//go:build unix

package writer

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/healthprobe/healthprobe/internal/state"
	"github.com/healthprobe/healthprobe/internal/sys"
	"golang.org/x/sys/unix"
)

// Who may change a file is what the directory says: whoever it lets write must be
// able to touch and empty what others have made, whoever came first. So a file has
// the directory's write bits, its group and its ACL. Replacing and removing a file
// depends on the directory alone, unless that has the sticky bit: there only the
// owner of the file, or of the directory, may.

func (d *directory) sticky() bool { return d.mode&unix.S_ISVTX != 0 }

// stateMode is the mode of a state file, and lockMode that of the lock file, which
// those who may only read the directory must not be able to open.
func (d *directory) stateMode() uint32 { return 0o644 | d.mode&0o022 }
func (d *directory) lockMode() uint32  { return 0o600 | d.mode&0o022 | d.mode&0o022<<1 }

// setPermissions gives a new file, which nobody uses yet, the owner, group, mode and ACL
// that let everyone change it who may write the directory, whatever the umask.
func (d *directory) setPermissions(fd int, name string, mode uint32) error {
	var st unix.Stat_t
	if err := d.do("stat", name, func() error { return unix.Fstat(fd, &st) }); err != nil {
		return err
	}
	if uint32(st.Mode)&0o7777 != mode {
		if err := d.do("chmod", name, func() error { return unix.Fchmod(fd, mode) }); err != nil {
			return err
		}
	}
	uid, gid, wanted := int(st.Uid), int(st.Gid), d.uid
	if name != lockFile && (uid == 0 || d.sticky()) {
		wanted = d.fileOwner()
	}
	given := false
	var err error
	if uid == 0 && (wanted != 0 || gid != d.gid) {
		given, err = d.chown(fd, name, wanted, d.gid)
	}
	switch {
	case given:
		uid, gid = wanted, d.gid
	case err == nil && gid != d.gid:
		if given, err = d.chown(fd, name, -1, d.gid); given {
			gid = d.gid
		}
	}
	if err != nil {
		return err
	}
	if d.sticky() && d.process != 0 && uid != wanted && wanted != 0 && wanted != d.uid {
		return refuse(unix.EPERM, "uid %d cannot make %s: %s has the sticky bit, so the application's user, uid %d, could not replace it: run this as uid %d, or take that bit away (chmod -t %s)",
			os.Geteuid(), d.file(name), d.path, wanted, wanted, d.path)
	}
	return d.share(fd, name, uid, gid, mode)
}

// chown gives a file away, or reports that we may not: we are not root or only in
// name, without CAP_CHOWN or in a user namespace, or not in that group.
func (d *directory) chown(fd int, name string, uid, gid int) (given bool, err error) {
	err = d.do("chown", name, func() error { return unix.Fchown(fd, uid, gid) })
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		return false, nil
	}
	return err == nil, err
}

// fileOwner returns the user to whom root gives the files that it makes: the owner of
// pid, who has loaded, or else that of the directory. With the sticky bit it is first
// of all the user of the process that the call is for, who must be able to replace them.
func (d *directory) fileOwner() int {
	if d.sticky() && d.process != 0 {
		if uid := d.writingUser(d.process); uid > 0 {
			return uid
		}
	}
	if d.pidOwner < 0 {
		d.pidOwner = d.stamp(state.PidFile).uid
	}
	if d.pidOwner > 0 {
		return d.pidOwner
	}
	return d.uid
}

// writingUser returns the user of a process, if the bits of the directory's mode let
// it write there; else 0. Root is 0 too: it may yet become another user.
func (d *directory) writingUser(pid int) (uid int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var groups []string
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		ids := strings.Fields(value)
		switch {
		case key == "Uid" && len(ids) > 1: // real, effective, ...
			uid, _ = strconv.Atoi(ids[1])
		case key == "Gid" && len(ids) > 1:
			groups = append(groups, ids[1])
		case key == "Groups":
			groups = append(groups, ids...)
		}
	}
	bit := uint32(0o002)
	switch {
	case uid == d.uid:
		bit = 0o200
	case slices.Contains(groups, strconv.Itoa(d.gid)):
		bit = 0o020
	}
	if d.mode&bit == 0 {
		return 0
	}
	return uid
}

// share lets everyone change a new file who may write the directory, where owner,
// group and mode do not: those whom an ACL lets write there, the directory's owner
// if the file is another's, and its group if we could not give it that.
func (d *directory) share(fd int, name string, uid, gid int, mode uint32) error {
	if d.mode&0o002 != 0 {
		return nil
	}
	byGroup := d.mode&0o020 != 0 // with an ACL, this bit is that of its mask
	var acl []byte
	if byGroup {
		acl = d.readACL()
	}
	otherOwner := uid != d.uid && d.uid != 0
	otherGroup := byGroup && gid != d.gid
	if acl == nil && !otherOwner && !otherGroup {
		return nil
	}
	err := d.do("setxattr", name, func() error { return setACL(fd, d.fileACL(acl, uid, gid, mode)) })
	switch {
	case err == nil || !errors.Is(err, errNoACL):
		return err
	case !otherGroup && byGroup: // whose owner is in its group, as far as we can know
		return nil
	}
	if !otherOwner {
		return refuse(unix.EPERM, "uid %d cannot make %s so that gid %d, the group of %s, can change it: run this as one of them (root needs CAP_CHOWN)",
			os.Geteuid(), d.file(name), d.gid, d.path)
	}
	return refuse(unix.EPERM, "uid %d cannot make %s so that uid %d, who owns %s, can change it: run this as uid %d (root needs CAP_CHOWN)",
		os.Geteuid(), d.file(name), d.uid, d.path, d.uid)
}

// mayMake returns an error if we cannot make files that the application can change, so
// that a load removes nothing then. In a directory of our own, or of our own group as well
// if that may write, we can.
func (d *directory) mayMake() error {
	ourGroup := d.mode&0o020 == 0 || d.mode&unix.S_ISGID != 0 || d.gid == os.Getegid()
	if d.uid == os.Geteuid() && ourGroup && !d.sticky() {
		return nil
	}
	fd, err := d.create()
	if err != nil {
		return err
	}
	defer unix.Unlinkat(d.fd, tempFile, 0)
	defer sys.Close(fd)
	return d.setPermissions(fd, tempFile, d.stateMode())
}

// mayRemove returns an error if one of the files is another user's, and the sticky
// bit keeps us from removing it, so that nothing is removed if not all can be.
func (d *directory) mayRemove(names []string) error {
	me := os.Geteuid()
	if !d.sticky() || me == d.uid || me == 0 {
		return nil
	}
	for _, name := range names {
		if s := d.see(name); s.err == nil && int(s.st.Uid) != me {
			return &os.PathError{Op: "remove", Path: d.file(name), Err: unix.EPERM}
		}
	}
	return nil
}
