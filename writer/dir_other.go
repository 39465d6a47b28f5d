//go:build !unix

package writer

import (
	"errors"
	"time"
)

// supported is false where Open returns an error. So nothing below is ever
// called: it is here for applications that are also built for such a system.
const supported = false

const lockWait = time.Duration(0)

var (
	errForeign = errors.ErrUnsupported
	errBusy    = errors.ErrUnsupported
)

type directory struct {
	turn     chan struct{}
	keepOpen bool
}

func openDirectory(string) (*directory, error) { return nil, errors.ErrUnsupported }

func lockDirectory(string, bool, time.Time) (*directory, error) { return nil, errors.ErrUnsupported }

func (*directory) see(string) seen { return seen{err: errors.ErrUnsupported} }

func (*directory) read(string, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func (*directory) stamps() stamps { return stamps{} }

func (*directory) replace(string, []byte) error { return errors.ErrUnsupported }

func (*directory) remove(string) error { return errors.ErrUnsupported }

func (*directory) clear() error { return errors.ErrUnsupported }

func (*directory) touch() error { return errors.ErrUnsupported }

func (*directory) openPrevious() *previous { return nil }

func (*directory) close() {}

type seen struct{ err error }

type previous struct{}

func (*previous) clear() error { return errors.ErrUnsupported }

func (*previous) close() error { return errors.ErrUnsupported }
