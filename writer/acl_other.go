//go:build unix && !linux

package writer

import "errors"

var errNoACL = errors.New("no ACL possible")

// Other systems have ACLs of other kinds. Owner, group and mode have to do.

func (d *directory) readACL() []byte { return nil }

func (d *directory) fileACL(dir []byte, uid, gid int, mode uint32) []byte { return nil }

func setACL(fd int, acl []byte) error { return errNoACL }
