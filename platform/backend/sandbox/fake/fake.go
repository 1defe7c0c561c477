// Package fake is an in-memory double of a sandbox driver: the process of a sandbox is a
// function of the test. Real processes, and with them the suite, are the other drivers'.
package fake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/fc"
	"golang.org/x/sys/unix"
)

// killed is how a process ended that was killed.
var killed = sandbox.Exit{Code: -1, Signal: int(unix.SIGKILL)}

// Main is the process of a sandbox. It should return when ctx is done, which is when the
// sandbox is killed; what it returns then is not looked at.
type Main func(ctx context.Context, p *Process) sandbox.Exit

// Driver runs a Main for every sandbox.
type Driver struct {
	main Main

	mu     sync.Mutex
	refuse error
	live   map[string]*Process
}

// New makes a driver whose sandboxes run main.
func New(main Main) *Driver { return &Driver{main: main, live: map[string]*Process{}} }

// Process is a running sandbox, as its Main and the test see it.
type Process struct {
	Spec   sandbox.Spec // with files of its own, closed when Main returns
	cancel context.CancelFunc

	terminated chan struct{}
	exited     chan struct{}

	mu     sync.Mutex
	ended  bool
	killed bool
	exit   sandbox.Exit
	memory int
	ports  []int
}

var (
	_ sandbox.Driver  = (*Driver)(nil)
	_ sandbox.Sandbox = (*Process)(nil)
)

// Refuse makes every further Start fail with err; nil ends that.
func (d *Driver) Refuse(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = err
}

// Start runs Main on a goroutine.
func (d *Driver) Start(ctx context.Context, spec sandbox.Spec) (sandbox.Sandbox, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.refuse != nil:
		return nil, fmt.Errorf("start sandbox %s: %w", spec.ID, d.refuse)
	case len(spec.Command) == 0:
		return nil, fmt.Errorf("start sandbox %s: no command: %w", spec.ID, fc.ErrInvalid)
	case d.live[spec.ID] != nil:
		return nil, fmt.Errorf("start sandbox %s: %w", spec.ID, fc.ErrExists)
	}
	own, err := inherit(spec)
	if err != nil {
		return nil, fmt.Errorf("start sandbox %s: %w", spec.ID, err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &Process{Spec: own, cancel: cancel, terminated: make(chan struct{}), exited: make(chan struct{})}
	d.live[spec.ID] = p
	go func() {
		exit := d.main(run, p)
		cancel()
		closeFiles(own)
		d.mu.Lock()
		delete(d.live, spec.ID)
		d.mu.Unlock()
		p.finish(exit)
	}()
	return p, nil
}

// List names the sandboxes whose Main runs.
func (d *Driver) List(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := make([]string, 0, len(d.live))
	for id := range d.live {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// Sandbox gives a running sandbox; nil if there is none of that name.
func (d *Driver) Sandbox(id string) *Process {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live[id]
}

func (p *Process) finish(exit sandbox.Exit) {
	p.mu.Lock()
	p.ended, p.exit = true, exit
	if p.killed {
		p.exit = killed
	}
	p.mu.Unlock()
	close(p.exited)
}

// ID is what the spec called it.
func (p *Process) ID() string { return p.Spec.ID }

// Exited is closed once Main has returned.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Exit is what Main returned, or a kill.
func (p *Process) Exit() sandbox.Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

// Terminated is closed by the first Terminate, for Main to see.
func (p *Process) Terminated() <-chan struct{} { return p.terminated }

// Terminate closes Terminated.
func (p *Process) Terminate() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.terminated:
	default:
		close(p.terminated)
	}
	return nil
}

// Kill ends the context of Main.
func (p *Process) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.killed = true
		p.cancel()
	}
	return nil
}

// SetMemoryMB sets what MemoryMB says.
func (p *Process) SetMemoryMB(mb int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.memory = mb
}

// MemoryMB is what was set.
func (p *Process) MemoryMB() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.memory
}

// Listen makes Listens true for port.
func (p *Process) Listen(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ports = append(p.ports, port)
}

// Listens tells whether Listen was called with port.
func (p *Process) Listens(port int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.ports, port)
}

// inherit gives the spec open files of its own, as a fork would.
func inherit(spec sandbox.Spec) (sandbox.Spec, error) {
	own := spec
	var errs [3]error
	own.Stdout, errs[0] = dup(spec.Stdout)
	own.Stderr, errs[1] = dup(spec.Stderr)
	own.Files = nil
	for _, f := range spec.Files {
		c, err := dup(f)
		if errs[2] = err; err != nil {
			break
		}
		own.Files = append(own.Files, c)
	}
	if err := errors.Join(errs[:]...); err != nil {
		closeFiles(own)
		return sandbox.Spec{}, err
	}
	return own, nil
}

func dup(f *os.File) (*os.File, error) {
	if f == nil {
		return nil, nil
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("hand on %s: %w", f.Name(), err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func closeFiles(s sandbox.Spec) {
	for _, f := range append([]*os.File{s.Stdout, s.Stderr}, s.Files...) {
		_ = f.Close() // a nil file says so, and that is all
	}
}
