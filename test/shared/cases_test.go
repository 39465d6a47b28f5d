//go:build linux

package shared

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// step is a call by a user, which is to work or not.
type step struct {
	by    *user
	call  call
	works bool
}

// sequence is a directory and what users do in it, one after the other.
type sequence struct {
	name string
	dir  func(path string) error
	app  *user
	then []step
}

// directory makes a directory of this owner, group and mode.
func directory(uid, gid int, bits uint32) func(path string) error {
	return func(path string) error {
		return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, uid, gid), unix.Chmod(path, bits))
	}
}

var sequences = []sequence{
	{"root sets 0 in a sticky directory", directory(0, 0, 0o1777), loner, []step{
		{loner, load, true}, {loner, set0, true}, {root, set0, true},
		{loner, beat, true}, {loner, set3, true}, {loner, set0, true}, {loner, reset, true},
	}},
	{"a stranger in a sticky directory", directory(0, 0, 0o1777), loner, []step{
		{loner, load, true}, {loner, set0, true},
		{stranger, beat, true}, {stranger, set0, false}, {stranger, load, false}, {stranger, reset, false}, {stranger, set3, false},
		{loner, beat, true}, {loner, set0, true},
	}},
	{"root loads for the application in a sticky directory", directory(0, 0, 0o1777), loner, []step{
		{root, load, true}, {root, set0, true}, {loner, set3, true}, {loner, load, true},
	}},
	{"root loads for the application in a sticky directory of its group", directory(0, sharedGID, 0o1770), joined, []step{
		{root, load, true}, {root, set0, true}, {joined, set3, true}, {member, set0, false}, {joined, reset, true},
	}},
	{"another user calls for root's process in a sticky directory", directory(0, 0, 0o1777), root, []step{
		{loner, load, true}, {loner, set0, true}, {root, set0, true}, {loner, set3, true}, {loner, reset, true},
	}},
	{"a second member of the group sets 0", directory(appUID, sharedGID, 0o2770), joined, []step{
		{joined, load, true}, {joined, set0, true}, {member, set0, true}, {joined, beat, true}, {member, beat, true}, {joined, set3, true},
	}},
	{"a member is first, without setgid", directory(appUID, sharedGID, 0o770), joined, []step{
		{member, load, true}, {joined, load, true}, {joined, set0, true}, {joined, reset, true},
	}},
	{"a member is first, and the owner is not in the group", directory(appUID, sharedGID, 0o775), loner, []step{
		{member, load, true}, {member, set0, true}, {loner, beat, true}, {loner, load, true},
	}},
	{"root without CAP_CHOWN is first", directory(appUID, appUID, 0o755), loner, []step{
		{noChown, load, true}, {noChown, set0, true}, {loner, beat, true}, {loner, set3, true}, {loner, load, true},
	}},
	{"whom only an ACL lets write is first", func(path string) error {
		m := mode{bits: 0o755, acl: appAndMember}
		_, err := m.make(path, &owners[0])
		return err
	}, loner, []step{
		{loner, load, true}, {loner, set0, true}, {member, set0, true}, {loner, beat, true}, {root, set0, true}, {loner, beat, true},
		{stranger, beat, false}, {stranger, set3, false}, {loner, reset, true},
	}},
}

// TestSequences: calls of several users for one application.
func TestSequences(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	m := newMatrix(t, directoryForAll(t))
	for _, s := range sequences {
		t.Run(s.name, func(t *testing.T) {
			must(t, s.dir(m.dir))
			defer os.RemoveAll(m.dir)
			c := &cell{place: place{owner: &owner{app: s.app}}}
			for _, step := range s.then {
				err := m.request(c, step.by, step.call)
				if (err == nil) != step.works {
					t.Fatalf("%v by %s: %v", step.call, step.by.name, err)
				}
				if now := m.ready(); now == nil && step.call == set3 && step.by != stranger || now != nil && step.call == set0 && err == nil {
					t.Fatalf("after %v by %s (%v) the probe says %v", step.call, step.by.name, err, now)
				}
			}
		})
	}
}

// TestWithoutACLs: where a file cannot be made so that the application can change it, it
// is not made.
func TestWithoutACLs(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := directoryForAll(t)
	must(t, unix.Mount("ramfs", dir, "ramfs", 0, "mode=755"))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	m := newMatrix(t, dir)
	must(t, directory(appUID, appUID, 0o755)(m.dir))
	c := &cell{place: place{owner: &owner{app: loner}}}
	refuses := func(k call, file, state string) {
		t.Helper()
		want := fmt.Sprintf("%s web: uid 0 cannot make %s/%s so that uid 65532, who owns %s, can change it: run this as uid 65532 (root needs CAP_CHOWN)%s",
			k.name, m.dir, file, m.dir, state)
		if err := m.request(c, noChown, k); err == nil || err.Error() != want {
			t.Errorf("%v:\ngot  %v\nwant %s", k, err, want)
		}
	}
	refuses(load, ".lock", "")
	if _, err := os.Lstat(filepath.Join(m.dir, ".lock")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a lock file is left that nobody else can use")
	}
	must(t, m.request(c, loner, load))
	must(t, m.request(c, loner, set0))
	before := m.files()
	refuses(load, ".tmp", "")
	refuses(set0, ".tmp", "; "+m.dir+`/error still holds "0": healthy`)
	if after := m.files(); after != before {
		t.Errorf("it has changed\n%sto\n%s", before, after)
	}
	refuses(set3, ".tmp", "; "+m.dir+"/error is empty now: unhealthy")
	must(t, m.request(c, loner, beat))
	must(t, m.request(c, loner, set0))
}
