//go:build unix

package writer

import (
	"strings"

	"github.com/healthprobe/healthprobe/internal/text"
	"github.com/healthprobe/healthprobe/internal/verdict"
)

// Ready returns nil if healthprobe would say healthy about this unit: its process
// has loaded and is alive, and 0 was set last. Otherwise the error is an *Unhealthy
// with the probe's own answer, or ErrOwned if another live process has the unit.
//
// It is for a server's own readiness endpoint, and for tests. It does not check the
// heartbeat (-max-age), so it does not notice a loop that hangs. It reads the unit's files and
// /proc, as the probe does, with 17 system calls and without the lock, which takes
// about as long as a Set.
func (u *Unit) Ready() error { return u.verdict("ready", false) }

// Live is Ready without the code, as healthprobe -live: nil if the process has
// loaded and is alive.
func (u *Unit) Live() error { return u.verdict("live", true) }

func (u *Unit) verdict(op string, live bool) error {
	if u == nil {
		return nilUnhealthy()
	}
	return u.do(op, func() error {
		p := verdict.Probe{RunDir: u.runDir, Unit: u.name, Live: live}
		p.Run()
		if err := u.checkOurs(&p); err != nil {
			return err
		}
		if p.Healthy() {
			return nil
		}
		var line text.Line
		p.AppendLine(&line)
		return &Unhealthy{Cause: p.Cause().String(), Line: strings.Clone(line.String())}
	})
}

// checkOurs returns ErrOwned if the process that the probe found alive is another
// one than this Unit's. The rule is that of checkOwner.
func (u *Unit) checkOurs(p *verdict.Probe) error {
	if u.anyOwner || int(p.Pid) == u.pid || !p.Running() {
		return nil
	}
	if p.Recorded {
		return u.ownedBy(p.Pid)
	}
	if u.givenPid || u.loaded.Load() {
		return u.ownedByProgram(p.Pid)
	}
	return nil
}
