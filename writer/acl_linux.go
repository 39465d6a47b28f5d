package writer

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// The kernel hands out a POSIX ACL as an extended attribute: a version and a list of
// entries, in little endian, sorted by their tags; see posix_acl_xattr.h.
const (
	aclAttr    = "system.posix_acl_access"
	aclVersion = 2

	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20

	aclNoID = ^uint32(0) // of an entry that is not about a certain user or group
)

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// readACL returns the directory's ACL; nil: it has none.
func (d *directory) readACL() []byte {
	n, err := unix.Lgetxattr(d.path, aclAttr, nil)
	if err != nil || n == 0 {
		return nil
	}
	acl := make([]byte, n)
	if n, err = unix.Lgetxattr(d.path, aclAttr, acl); err != nil {
		return nil
	}
	return acl[:n]
}

// fileACL returns an ACL for a file of this owner, group and mode, by which those
// can write it who can write the directory, which has the ACL dir or none. Others can
// do what they can by the mode.
func (d *directory) fileACL(dir []byte, uid, gid int, mode uint32) []byte {
	others := uint16(mode & 0o7)
	may := func(perm uint16) uint16 {
		if perm&0o2 != 0 {
			return 0o6
		}
		return others
	}
	users := []aclEntry{{aclUserObj, 0o6, aclNoID}}
	if uid != d.uid {
		users = append(users, aclEntry{aclUser, 0o6, uint32(d.uid)})
	}
	var groups []aclEntry
	ofGroup := uint16(d.mode >> 3 & 0o7)
	for b := dir; len(b) >= 4+8; b = b[8:] {
		e := aclEntry{binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), binary.LittleEndian.Uint32(b[8:])}
		switch {
		case e.tag == aclUser && e.id != uint32(uid) && e.id != uint32(d.uid):
			users = append(users, aclEntry{aclUser, may(e.perm), e.id})
		case e.tag == aclGroupObj:
			ofGroup = e.perm
		case e.tag == aclGroup:
			groups = append(groups, aclEntry{aclGroup, may(e.perm), e.id})
		}
	}
	own := aclEntry{aclGroupObj, may(ofGroup), aclNoID}
	if gid != d.gid {
		own.perm = others
		groups = append(groups, aclEntry{aclGroup, may(ofGroup), uint32(d.gid)})
	}
	acl := binary.LittleEndian.AppendUint32(nil, aclVersion)
	add := func(entries ...aclEntry) {
		for _, e := range entries {
			acl = binary.LittleEndian.AppendUint16(acl, e.tag)
			acl = binary.LittleEndian.AppendUint16(acl, e.perm)
			acl = binary.LittleEndian.AppendUint32(acl, e.id)
		}
	}
	add(users...)
	add(own)
	add(groups...)
	add(aclEntry{aclMask, 0o6, aclNoID}, aclEntry{aclOther, others, aclNoID})
	return acl
}

var errNoACL = errors.New("no ACL possible")

// setACL gives a file an ACL. The error is errNoACL if the file system has none, or
// does not let us.
func setACL(fd int, acl []byte) error {
	switch err := unix.Fsetxattr(fd, aclAttr, acl, 0); err {
	case unix.EOPNOTSUPP, unix.ENOSYS, unix.EPERM, unix.EINVAL: // EINVAL: ids that the user namespace does not have
		return errNoACL
	default:
		return err
	}
}
