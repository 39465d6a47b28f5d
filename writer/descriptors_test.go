//go:build unix

package writer_test

import (
	"context"
	"os"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
	"github.com/healthprobe/healthprobe/writer"
)

// descriptors counts the open descriptors of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	testenv.Require(t, err == nil, "%v", err)
	return len(open)
}

// TestDescriptors: no call leaves a file open, but for a process that exits at
// once. That leaves the directory and its lock file to the kernel, and the lock
// is free all the same.
func TestDescriptors(t *testing.T) {
	dir := t.TempDir()
	u := open(t, dir)
	before := descriptors(t)
	must(t, u.Load(context.Background()))
	must(t, u.Set(0))
	if err := u.Set(-1); err == nil {
		t.Error("set -1 worked")
	}
	must(t, u.Set(0))
	must(t, open(t, dir).Beat()) // u would not look again so soon
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before the calls, %d after", before, after)
	}
	must(t, open(t, dir, writer.WithExit()).Set(0))
	if after := descriptors(t); after != before+2 {
		t.Errorf("%d descriptors before a call of a process that exits, %d after, want 2 more", before, after)
	}
	must(t, u.Reset())
}
