//go:build unix

package writer_test

import (
	"context"
	"os"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// descriptors counts the open descriptors of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	testenv.Require(t, err == nil, "%v", err)
	return len(open)
}

// TestDescriptors: no call leaves a file open.
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
	must(t, u.Ready())
	must(t, u.Reset())
	if u.Live() == nil {
		t.Error("alive after the reset")
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before the calls, %d after", before, after)
	}
}
