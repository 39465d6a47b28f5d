//go:build linux && amd64

package faults

import "golang.org/x/sys/unix"

// tracee is a program while it is being traced.
type tracee struct {
	*tracer
	pid      int
	counting bool
	count    int
	threads  map[int]*pending
	killed   bool
	end      ending
}

// pending is a thread's call between its two stops; nil between two calls.
type pending struct {
	call
	action
	counted bool
}

// stopped handles one stop of one thread, and lets it go on. Errors mean that
// the program has been killed meanwhile; wait tells.
func (p *tracee) stopped(tid int, status unix.WaitStatus) {
	_, known := p.threads[tid]
	if !known {
		p.threads[tid] = nil
	}
	signal := status.StopSignal()
	switch {
	case signal == unix.SIGTRAP|0x80:
		p.system(tid)
		signal = 0
	case int(status)>>8 == int(unix.SIGTRAP)|unix.PTRACE_EVENT_EXEC<<8: // another program now, and not of interest
		p.mark("replaced")
		unix.PtraceCont(tid, 0)
		return
	case signal == unix.SIGTRAP: // a thread was made
		signal = 0
	case signal == unix.SIGSTOP && !known: // it is the new thread's first stop
		signal = 0
	}
	unix.PtraceSyscall(tid, int(signal))
}

func (p *tracee) system(tid int) {
	info, ok := readSyscall(tid)
	switch {
	case !ok || p.killed:
	case info.Op == 1:
		p.before(tid, info)
	case info.Op == 2:
		if now := p.threads[tid]; now != nil && now.counted {
			p.after(tid, now, int64(info.Nr))
		}
		p.threads[tid] = nil
	}
}

func (p *tracee) before(tid int, info syscallInfo) {
	c, ok := decode(tid, info)
	if !ok {
		return
	}
	if !p.counting {
		p.counting = p.begin(c.path)
	}
	switch {
	case c.mark == "begin" || !p.counting:
		return
	case c.mark != "":
		p.mark(c.mark)
		return
	}
	p.count++
	c.n = p.count
	now := &pending{call: c, action: p.decide(c), counted: true}
	p.threads[tid] = now
	switch now.kind {
	case kill:
		p.kill()
	case fail: // call number -1: the kernel does nothing
		registers(tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
	case short:
		registers(tid, func(r *unix.PtraceRegs) { r.Rdx = min(r.Rdx, 1) })
	}
}

func (p *tracee) after(tid int, now *pending, result int64) {
	if now.kind == fail || now.kind == doAndLie {
		result = -int64(now.errno)
		registers(tid, func(r *unix.PtraceRegs) { r.Rax = uint64(result) })
	}
	c := now.call
	c.after, c.result = true, result
	if p.decide(c).kind == kill {
		p.kill()
	}
}

func (p *tracee) mark(word string) {
	p.end.mark = word
	if p.decide(call{mark: word, fd: -1}).kind == kill {
		p.kill()
	}
}

func (p *tracee) kill() {
	p.killed = true
	unix.Kill(p.pid, unix.SIGKILL)
}

func registers(tid int, change func(*unix.PtraceRegs)) {
	var r unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &r) == nil {
		change(&r)
		unix.PtraceSetRegs(tid, &r)
	}
}
