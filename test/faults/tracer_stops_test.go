//go:build linux && amd64

package faults

import "golang.org/x/sys/unix"

// tracee is a program while it is being traced.
type tracee struct {
	*tracer
	pid      int
	counting bool
	count    int
	threads  map[int]*pending // by thread id; nil between two calls
	killed   bool
	end      traceResult
}

// pending is the call that a thread is in, between its enter and its exit stop.
type pending struct {
	call
	action
	counted bool
}

// handleStop handles one stop of one thread and resumes the thread. It ignores
// errors: they mean that the program was killed meanwhile, which wait reports.
func (p *tracee) handleStop(tid int, status unix.WaitStatus) {
	_, known := p.threads[tid]
	if !known {
		p.threads[tid] = nil
	}
	signal := status.StopSignal()
	switch {
	case signal == unix.SIGTRAP|0x80:
		p.syscallStop(tid)
		signal = 0
	case int(status)>>8 == int(unix.SIGTRAP)|unix.PTRACE_EVENT_EXEC<<8: // another program now, which is not under test
		p.mark("replaced")
		unix.PtraceCont(tid, 0)
		return
	case signal == unix.SIGTRAP: // the program created a thread
		signal = 0
	case signal == unix.SIGSTOP && !known: // the first stop of a new thread
		signal = 0
	}
	unix.PtraceSyscall(tid, int(signal))
}

func (p *tracee) syscallStop(tid int) {
	info, ok := readSyscall(tid)
	switch {
	case !ok || p.killed:
	case info.Op == 1:
		p.enterCall(tid, info)
	case info.Op == 2:
		if now := p.threads[tid]; now != nil && now.counted {
			p.exitCall(tid, now, int64(info.Nr))
		}
		p.threads[tid] = nil
	}
}

// enterCall handles a syscall-enter-stop.
func (p *tracee) enterCall(tid int, info syscallInfo) {
	c, ok := decode(tid, info)
	if !ok {
		return
	}
	if !p.counting {
		p.counting = p.countFrom(c.path)
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
	case fail: // there is no call -1, so the kernel does nothing
		changeRegisters(tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
	case short:
		changeRegisters(tid, func(r *unix.PtraceRegs) { r.Rdx = min(r.Rdx, 1) })
	}
}

// exitCall handles a syscall-exit-stop of a call that counts.
func (p *tracee) exitCall(tid int, now *pending, result int64) {
	if now.kind == fail || now.kind == failAfter {
		result = -int64(now.errno)
		changeRegisters(tid, func(r *unix.PtraceRegs) { r.Rax = uint64(result) })
	}
	c := now.call
	c.after, c.result = true, result
	if p.decide(c).kind == kill {
		p.kill()
	}
}

// mark notes how far the program says that it has come.
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

func changeRegisters(tid int, change func(*unix.PtraceRegs)) {
	var r unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &r) == nil {
		change(&r)
		unix.PtraceSetRegs(tid, &r)
	}
}
