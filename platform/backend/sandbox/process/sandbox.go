package process

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
)

// proc is a process that was just started.
type proc struct {
	pid      int
	pidfd    int // -1: the system has none
	ownPeak  int // KiB, the most memory the platform itself had used by then
	hasPeaks bool
}

// Sandbox is one process with its group; its pid is the group's number too.
type Sandbox struct {
	id     string
	guard  *guard
	exited chan struct{}

	mu     sync.Mutex
	proc   proc
	begun  bool
	doomed bool // killed before it had begun
	reaped bool // its pid may belong to another by now
	exit   sandbox.Exit

	memory   int // MiB, the most seen
	memoryAt time.Time
}

var _ sandbox.Sandbox = (*Sandbox)(nil)

// ID is what the spec called it.
func (s *Sandbox) ID() string { return s.id }

// Exited is closed once the process has ended and its group was killed.
func (s *Sandbox) Exited() <-chan struct{} { return s.exited }

// Exit tells how the process ended.
func (s *Sandbox) Exit() sandbox.Exit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit
}

// Terminate sends SIGTERM to the main process.
func (s *Sandbox) Terminate() error { return s.signal(1, syscall.SIGTERM) }

// Kill ends the whole group.
func (s *Sandbox) Kill() error { return s.signal(-1, syscall.SIGKILL) }

// signal sends sig to the process (sign 1) or to its group (sign -1).
func (s *Sandbox) signal(sign int, sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.doomed = true
		return nil
	}
	if s.reaped {
		return nil
	}
	if err := syscall.Kill(sign*s.proc.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

func (s *Sandbox) began(p proc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc, s.begun = p, true
	if s.doomed {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}

// wait returns once the process has ended, its group is killed and it is reaped. The
// group goes first: while its leader is not reaped, the group's number is nobody else's.
func (s *Sandbox) wait() {
	waitZombie(s.proc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if reapLast {
		_ = syscall.Kill(-s.proc.pid, syscall.SIGKILL)
		s.guard.remove(s.proc.pid)
	}
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(s.proc.pid, &status, 0, &usage)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if !reapLast {
		_ = syscall.Kill(-s.proc.pid, syscall.SIGKILL)
		s.guard.remove(s.proc.pid)
	}
	s.reaped = true
	s.exit = exitOf(status)
	s.memory = max(s.memory, peakMB(s.proc, usage))
}

func exitOf(status syscall.WaitStatus) sandbox.Exit {
	if status.Signaled() {
		return sandbox.Exit{Code: -1, Signal: int(status.Signal())}
	}
	return sandbox.Exit{Code: status.ExitStatus()}
}

// peakMB reads the most memory used from the usage of an ended process. Until its exec
// a child shares the memory of the platform, and Linux counts that; so a figure that
// does not exceed the platform's own peak says nothing.
func peakMB(p proc, usage syscall.Rusage) int {
	kib := int(usage.Maxrss) / maxrssPerKiB
	if p.hasPeaks && kib <= p.ownPeak {
		return 0
	}
	return toMB(kib)
}

// toMB rounds up.
func toMB(kib int) int { return (kib + 1023) / 1024 }

// memoryFor is how long a memory figure of a running sandbox is good.
const memoryFor = 200 * time.Millisecond

// MemoryMB is the most memory seen so far.
func (s *Sandbox) MemoryMB() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.begun && !s.reaped && now.Sub(s.memoryAt) >= memoryFor {
		s.memory, s.memoryAt = max(s.memory, toMB(peakKiB(s.proc.pid))), now
	}
	return s.memory
}

// Listens tells whether a process of the sandbox listens on the TCP port.
func (s *Sandbox) Listens(port int) bool {
	s.mu.Lock()
	pid, runs := s.proc.pid, s.begun && !s.reaped
	s.mu.Unlock()
	return runs && listens(pid, port)
}
