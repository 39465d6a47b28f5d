package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// notifySocket is the socket that NOTIFY_SOCKET names: a file, since any container of a
// pod could reach an abstract one, and some libraries refuse those.
type notifySocket struct {
	path    string
	file    *os.File
	closing atomic.Bool
}

// socketProblem returns why there can be no socket at path, or "".
func socketProblem(path string) string {
	const most = 107 // sockaddr_un has 108 bytes, one for NUL: unix(7)
	if len(path) > most {
		return fmt.Sprintf("%s is too long for a socket: %d bytes, and %d are possible: use a shorter -rundir or -unit", path, len(path), most)
	}
	return ""
}

// listenNotify makes the socket, in place of one that a killed run has left.
func listenNotify(path string) (*notifySocket, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s is not a socket: remove it", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make the socket %s: %w", path, err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	if err == nil {
		// 0666, for a COMMAND that becomes another user. chmod(2) would follow a link that
		// somebody has put there meanwhile.
		old := unix.Umask(0o111)
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
		unix.Umask(old)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot make the socket %s: %w: -ready notify needs a run directory where sockets can be made", path, err)
	}
	return &notifySocket{path: path, file: os.NewFile(uintptr(fd), path)}, nil
}

// remove removes the socket.
func (s *notifySocket) remove() error {
	s.closing.Store(true) // Close waits for receive, and others may go on sending
	s.file.Close()
	if err := os.Remove(s.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// receiver is what happens to datagrams.
type receiver struct {
	pid    int  // COMMAND's: others do not count
	all    bool // all processes of the pid namespace count
	index  int  // of -ready notify
	health *health
	outer  unix.Sockaddr // the socket of whoever has started run; nil: none
	say    func(format string, args ...any)

	toldOther, toldMain bool
}

// gather is how long a sender of many heartbeats may wait. Its queue has room for 11
// datagrams (net.unix.max_dgram_qlen), and reading them together costs less.
const gather = 5 * time.Millisecond

// receive reads as long as the socket is open. It does nothing else, since many servers
// hang while the queue is full, and it is short: whoever sends must not wait for the
// unit's lock.
func (s *notifySocket) receive(r *receiver) {
	conn, err := s.file.SyscallConn()
	if err != nil {
		r.say("%v", err)
		return
	}
	buf := make([]byte, notificationLimit+1)
	control := make([]byte, 1024)
	var last time.Time
	conn.Read(func(fd uintptr) bool {
		for n := 0; !s.closing.Load(); n++ {
			size, controlSize, flags, _, err := unix.Recvmsg(int(fd), buf, control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
			switch {
			case err == unix.EAGAIN:
				if now := time.Now(); n > 0 && now.Sub(last) < 2*gather {
					time.Sleep(gather)
				}
				last = time.Now()
				return false
			case err == unix.EINTR:
			case err != nil:
				r.say("notify socket: %v", err)
				time.Sleep(time.Second) // never seen
			default:
				r.datagram(buf[:min(size, len(buf))], control[:controlSize], flags)
			}
		}
		return true
	})
}

// datagram handles one datagram and its control data.
func (r *receiver) datagram(text, control []byte, flags int) {
	sender, fds := parseControl(control)
	n, ok := parseNotification(text)
	counts := ok && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) == 0 && len(text) <= notificationLimit && r.from(sender)
	if counts && n.barrier && len(fds) == 1 {
		r.health.barrier(fds[0])
		return
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	if !counts {
		return
	}
	if r.outer != nil {
		r.passOn(text)
	}
	if n.mainPid != 0 && n.mainPid != r.pid && !r.toldMain {
		r.toldMain = true
		r.say("COMMAND says that pid %d is its main process, and the unit is for pid %d: run it in the foreground", n.mainPid, r.pid)
	}
	r.health.notified(r.index, &n)
}

// from reports whether a sender counts. A pid of 0 is in another pid namespace.
func (r *receiver) from(pid int) bool {
	if pid == r.pid || r.all && pid != 0 || isThread(r.pid, pid) {
		return true
	}
	if !r.toldOther {
		r.toldOther = true
		r.say("ignoring notifications from pid %d: they count only from COMMAND, pid %d (-notify-all changes that)", pid, r.pid)
	}
	return false
}

// isThread reports whether tid is a thread of a process. The kernel names the process that
// sends, but gVisor of 2022 the thread.
func isThread(pid, tid int) bool {
	_, err := os.Lstat(fmt.Sprintf("/proc/%d/task/%d", pid, tid))
	return err == nil
}

// parseControl returns the sender's pid, 0 if it is not known, and the descriptors that
// came with a datagram.
func parseControl(control []byte) (pid int, fds []int) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0, nil
	}
	for i := range messages {
		if credentials, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			pid = int(credentials.Pid)
		}
		if more, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, more...)
		}
	}
	return pid, fds
}

// outerSocket returns the address of the NOTIFY_SOCKET that run was started with, unless it
// is the file own, run's own socket: what run passed on would come back for ever.
func outerSocket(own string) unix.Sockaddr {
	name := os.Getenv(notifySocketName)
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") {
		return nil
	}
	outer, err := os.Stat(name)
	ours, ourErr := os.Stat(own)
	if err == nil && ourErr == nil && os.SameFile(outer, ours) {
		return nil
	}
	return &unix.SockaddrUnix{Name: name}
}

// passOn passes a datagram on to the outer socket, unless that would wait.
func (r *receiver) passOn(text []byte) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	unix.Sendto(fd, text, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, r.outer)
}
