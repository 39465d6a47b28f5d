//go:build linux

package entry

import (
	"slices"
	"strings"
	"testing"

	"github.com/healthprobe/healthprobe/internal/testenv"
)

// TestStateObeysTheRules checks all of the packages that are behind the direct entry
// as a whole, also what healthprobe does not call today. So there is one rule for
// whoever changes them, and a violation shows where it is written and not only once
// healthprobe calls it.
func TestStateObeysTheRules(t *testing.T) {
	for _, arch := range testenv.Tested() {
		t.Run(arch.String(), func(t *testing.T) {
			t.Parallel()
			l := list(t, arch, "")
			roots := stateRoots(l)
			for _, pkg := range wholePackages {
				if !slices.ContainsFunc(roots, func(name string) bool { return strings.HasPrefix(name, pkg) }) {
					t.Fatalf("the listing has no functions of %s: has the package moved?", pkg)
				}
			}
			for _, v := range l.violations(roots...) {
				t.Error(v)
			}
		})
	}
}

// wholePackages begin the names of their functions.
var wholePackages = []string{modulePath + "/internal/state.", modulePath + "/internal/sys.", modulePath + "/internal/text."}

// stateRoots returns the functions of wholePackages, sorted, with those that the
// compiler adds. init functions are left out: they never run behind the direct
// entry, and violations reports what relies on them.
func stateRoots(l listing) []string {
	var roots []string
	for name, s := range l {
		inOne := slices.ContainsFunc(wholePackages, func(pkg string) bool { return strings.HasPrefix(name, pkg) })
		if s.kind == "STEXT" && inOne && !isInit(name) {
			roots = append(roots, name)
		}
	}
	slices.Sort(roots)
	return roots
}
