package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// link is one end of the link between run and the child that becomes COMMAND: the child
// loads and tells its parent, which then prepares what COMMAND needs, and lets it go on.
// The child's end is closed by its execve(2). A message is one byte.
type link struct{ *os.File }

const (
	linkLoaded = 'l'
	linkGo     = 'g'
	linkFailed = 'f' // execve has failed
)

// newLink makes a link. The child's end is a descriptor that outlives the execve which
// starts it.
func newLink() (parent link, child int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fds[0], true) // so that waiting costs no thread
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fds[1]), unix.F_SETFD, 0)
	}
	if err != nil {
		return link{}, 0, err
	}
	return link{os.NewFile(uintptr(fds[0]), "link")}, fds[1], nil
}

// inheritedLink is the child's end.
func inheritedLink(fd int) link {
	unix.CloseOnExec(fd)
	return link{os.NewFile(uintptr(fd), "link")}
}

// send sends a message. That the other end is closed is no error.
func (l link) send(message byte) error {
	_, err := l.Write([]byte{message})
	if errors.Is(err, unix.EPIPE) {
		return nil
	}
	return err
}

// receive returns the next message, or 0 when the other end is closed.
func (l link) receive() (byte, error) {
	var message [1]byte
	_, err := l.Read(message[:])
	if err == io.EOF || errors.Is(err, unix.ECONNRESET) {
		err = nil
	}
	return message[0], err
}

// awaitLoaded reports whether the child has loaded.
func (l link) awaitLoaded() (bool, error) {
	message, err := l.receive()
	return message == linkLoaded, err
}

// goOn lets the child execute COMMAND, and reports whether it has, or has ended.
func (l link) goOn() (bool, error) {
	if err := l.send(linkGo); err != nil {
		return false, err
	}
	message, err := l.receive()
	return message == 0, err
}

// loaded tells the parent, and waits for its answer.
func (l link) loaded() error {
	err := l.send(linkLoaded)
	var answer byte
	if err == nil {
		answer, err = l.receive()
	}
	if err == nil && answer != linkGo {
		return exitStatus(1) // the parent has said why
	}
	return err
}

// failed tells the parent that COMMAND was not executed.
func (l link) failed() { l.send(linkFailed) }
