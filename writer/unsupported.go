//go:build !unix

package writer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Unit is what Open returns on Unix. Here there is only the nil *Unit, which records
// nothing.
type Unit struct{ _ struct{} }

// Open returns nil and errors.ErrUnsupported. An application may go on with the nil
// *Unit.
func Open(options ...Option) (*Unit, error) {
	if _, err := configure(options); err != nil { // the same mistakes everywhere
		return nil, err
	}
	return nil, fmt.Errorf("health is recorded on Unix systems only, not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Load runs the checks and records nothing.
func (u *Unit) Load(ctx context.Context, checks ...Check) error { return runChecks(ctx, "", checks) }

// Set does nothing.
func (u *Unit) Set(code int) error { return nil }

// SetReason does nothing.
func (u *Unit) SetReason(code int, reason string) error { return nil }

// Beat does nothing.
func (u *Unit) Beat() error { return nil }

// Reset does nothing.
func (u *Unit) Reset() error { return nil }

// Ready returns an *Unhealthy with the cause "not-loaded".
func (u *Unit) Ready() error { return nilUnhealthy() }

// Live returns an *Unhealthy with the cause "not-loaded".
func (u *Unit) Live() error { return nilUnhealthy() }

// Name returns "".
func (u *Unit) Name() string { return "" }

// RunDir returns "".
func (u *Unit) RunDir() string { return "" }

// Dir returns "".
func (u *Unit) Dir() string { return "" }
