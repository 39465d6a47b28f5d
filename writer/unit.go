//go:build unix

package writer

import (
	"fmt"
	"sync/atomic"
)

// Unit is an application process and its directory below the run directory. Open
// returns one. It is safe for concurrent use.
//
// A nil *Unit is valid and records nothing, so that an application can go on
// without its unit: Load only runs the checks, Set, SetReason, Beat and Reset
// return nil, and Name, RunDir and Dir return "". Ready and Live return an
// *Unhealthy with the cause "not-loaded", since nothing is known about the process.
type Unit struct {
	config

	loaded atomic.Bool            // Load has succeeded, and Reset has not since
	ours   atomic.Pointer[stamps] // of the files that check last found to name us, once they have settled
	named  atomic.Pointer[stamps] // of the files that last named us, settled or not
	recent atomic.Pointer[window] // in which Beat need not look again
	turn   chan struct{}          // full while a call has its turn: see lock. nil: not opened
}

// Open returns the unit that the options and the environment name. It touches no
// file. On a system that is not Unix, such as Windows, it returns nil and
// errors.ErrUnsupported: an application may go on with the nil *Unit there.
func Open(options ...Option) (*Unit, error) {
	c, err := configure(options)
	if err != nil {
		return nil, err
	}
	return &Unit{config: c, turn: make(chan struct{}, 1)}, nil
}

// Name returns the unit's name.
func (u *Unit) Name() string {
	if u == nil {
		return ""
	}
	return u.name
}

// RunDir returns the directory that holds the unit's directory.
func (u *Unit) RunDir() string {
	if u == nil {
		return ""
	}
	return u.runDir
}

// Dir returns the unit's directory.
func (u *Unit) Dir() string {
	if u == nil || u.turn == nil {
		return ""
	}
	return u.runDir + "/" + u.name // not cleaned: the probe opens the same path
}

// do makes a call, and adds its name and the unit's to the error. For a nil Unit it
// does nothing.
func (u *Unit) do(op string, call func() error) error {
	switch {
	case u == nil:
		return nil
	case u.turn == nil:
		return fmt.Errorf("%s: this Unit was not opened: use the one that writer.Open returns", op)
	}
	return u.describe(op, call())
}
