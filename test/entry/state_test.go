//go:build linux

package entry

import (
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestStateObeysTheRules checks all of internal/state against the rules, also
// what healthprobe does not call today. So there is one rule for whoever changes
// that package, everything in it runs behind the direct entry, and a violation
// shows where it is written and not only once healthprobe calls it.
func TestStateObeysTheRules(t *testing.T) {
	for _, arch := range testenv.Tested() {
		t.Run(arch.String(), func(t *testing.T) {
			t.Parallel()
			l := list(t, arch, "")
			roots := stateRoots(l)
			if len(roots) == 0 {
				t.Fatal("the listing has no functions of internal/state: has the package moved?")
			}
			for _, v := range l.violations(roots...) {
				t.Error(v)
			}
		})
	}
}

// stateRoots returns the functions of internal/state, sorted, with those that the
// compiler adds. init functions are left out: they never run behind the direct
// entry, and violations reports what relies on them.
func stateRoots(l listing) []string {
	var roots []string
	for name, s := range l {
		if s.kind == "STEXT" && strings.HasPrefix(name, modulePath+"/internal/state.") && !isInit(name) {
			roots = append(roots, name)
		}
	}
	slices.Sort(roots)
	return roots
}
