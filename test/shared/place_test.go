//go:build linux

package shared

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// owner is whose the directory is, and which application has its unit there.
type owner struct {
	name     string
	uid, gid int
	app      *user
	outside  bool // the owner is not in the group
}

var owners = []owner{
	{"root's", 0, 0, loner, false},
	{"root's, application in the group", 0, sharedGID, joined, false},
	{"the application's", appUID, appUID, loner, false},
	{"the application's, in the group", appUID, sharedGID, joined, false},
	{"the application's, of a group that it is not in", appUID, sharedGID, loner, true},
	{"another user's", otherUID, otherUID, loner, false},
	{"another user's, application in the group", otherUID, sharedGID, joined, false},
	{"a member's, application in the group", memberUID, sharedGID, joined, false},
}

// mode is a directory's mode and ACL.
type mode struct {
	name     string
	bits     uint32
	acl      map[int]uint16 // permissions of users; nil: no ACL
	inherits bool           // files get the ACL too
}

var (
	appAndMember = map[int]uint16{appUID: 7, memberUID: 7, strangerUID: 5}
	modes        = []mode{
		{"0755", 0o755, nil, false},
		{"0700", 0o700, nil, false},
		{"0770", 0o770, nil, false},
		{"0775", 0o775, nil, false},
		{"0777", 0o777, nil, false},
		{"1777", 0o1777, nil, false},
		{"1775", 0o1775, nil, false},
		{"2770", 0o2770, nil, false},
		{"2775", 0o2775, nil, false},
		{"0755 and an ACL", 0o755, appAndMember, false},
		{"0750 and an ACL", 0o750, appAndMember, false},
		{"0770 and an ACL, for files too", 0o770, appAndMember, true},
		{"2755 and an ACL, for files too", 0o2755, appAndMember, true},
	}
)

// make makes the directory. without reports that the file system has no ACLs.
func (m *mode) make(path string, o *owner) (without bool, err error) {
	if err := errors.Join(os.Mkdir(path, 0o700), os.Chown(path, o.uid, o.gid), unix.Chmod(path, m.bits)); err != nil || m.acl == nil {
		return false, err
	}
	acl := binary.LittleEndian.AppendUint32(nil, 2)
	add := func(tag, perm uint16, id uint32) {
		acl = binary.LittleEndian.AppendUint16(acl, tag)
		acl = binary.LittleEndian.AppendUint16(acl, perm)
		acl = binary.LittleEndian.AppendUint32(acl, id)
	}
	bit := func(shift int) uint16 { return uint16(m.bits>>shift) & 7 }
	add(1, bit(6), ^uint32(0))
	for uid, perm := range m.acl {
		add(2, perm, uint32(uid))
	}
	add(4, bit(3), ^uint32(0))
	add(16, 7, ^uint32(0))
	add(32, bit(0), ^uint32(0))
	err = unix.Setxattr(path, "system.posix_acl_access", acl, 0)
	if err == nil && m.inherits {
		err = unix.Setxattr(path, "system.posix_acl_default", acl, 0)
	}
	if err == unix.EOPNOTSUPP {
		return true, nil
	}
	return false, err
}

// bits returns what the directory lets a user do: 4 read, 2 write, 1 search.
func (p *place) bits(u *user) uint16 {
	perm, named := p.acl[u.uid]
	switch {
	case u.uid == 0:
		return 7
	case u.uid == p.uid:
		return uint16(p.mode.bits>>6) & 7
	case named:
		return perm
	case u.in(p.gid):
		return uint16(p.mode.bits>>3) & 7
	}
	return uint16(p.mode.bits) & 7
}

func (p *place) writes(u *user) bool   { return p.bits(u)&3 == 3 }
func (p *place) searches(u *user) bool { return p.bits(u)&1 == 1 }
func (p *place) sticky() bool          { return p.mode.bits&unix.S_ISVTX != 0 }

// place is one combination of directory and file system.
type place struct {
	fs     string
	noACLs bool // the file system has none
	*owner
	*mode
}

// unsure reports whether it takes an ACL for a user to make a file that all can change
// who may write the directory, and there may be none.
func (p *place) unsure(u *user) bool {
	otherGroup := p.mode.bits&0o020 != 0 && p.mode.bits&unix.S_ISGID == 0 && !u.in(p.gid)
	return p.noACLs && u.noChown && (p.uid != u.uid || otherGroup)
}

// works reports whether a call for the application's unit is to work. foreign reports
// whether a file that it replaces or removes is not the caller's.
func (p *place) works(u *user, c call, foreign bool) bool {
	removes := !p.sticky() || u.uid == 0 || u.uid == p.uid || !foreign
	makes := !p.sticky() || u == root || u.uid == p.app.uid || p.uid == p.app.uid || !p.writes(p.app)
	switch {
	case !p.writes(u):
		return false
	case c.name == "beat":
		return true
	case c.name == "reset":
		return removes
	}
	return removes && makes
}
