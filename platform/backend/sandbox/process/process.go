// Package process runs sandboxes as plain processes of the node, with no isolation but,
// on Linux where it may, a mount namespace each. Limits and confinement are left to
// other drivers.
//
// What it promises all the same: a sandbox is one session and process group that goes
// as a whole, and none that was started outlives the platform, not even after kill -9:
//
//	platform ──fork+exec──► sandbox   ◄─ the kernel kills it with the thread that started
//	   │ pipe: "+ pgid", "- pgid"        it (Linux), before and besides the guard
//	   ▼
//	 guard    at end of file it kills every group still listed, grandchildren included
//
// Starting costs a fork, an exec and one write to a pipe; nothing runs in between.
package process

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/fc"
)

// Config says how to run processes.
type Config struct {
	// NoMounts makes the driver do without mount namespaces where it could have them.
	NoMounts bool
	Log      *slog.Logger // nil: slog.Default
}

// Driver runs sandboxes as processes.
type Driver struct {
	log     *slog.Logger
	null    *os.File // stdin of every sandbox, and what it has no file for
	guard   *guard
	starter *starter

	mu     sync.Mutex
	closed bool
	live   map[string]*Sandbox
}

var (
	_ sandbox.Driver  = (*Driver)(nil)
	_ sandbox.Mounter = (*Driver)(nil)
)

// New makes a driver and finds out what this node lets it do. Close it.
func New(cfg Config) (*Driver, error) {
	d := &Driver{log: cfg.Log, live: map[string]*Sandbox{}}
	if d.log == nil {
		d.log = slog.Default()
	}
	var err error
	if d.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return nil, fmt.Errorf("process driver: %w", err)
	}
	if d.guard, err = newGuard(); err != nil {
		d.log.Warn("process driver runs without a guard: sandboxes may outlive a kill of the platform", "err", err)
	}
	d.starter = newStarter(!cfg.NoMounts, d.log)
	return d, nil
}

// Mounts tells whether sandboxes see their mounts.
func (d *Driver) Mounts() bool { return d.starter.mounts }

// Start runs a process. One with an id that runs already is fc.ErrExists.
func (d *Driver) Start(ctx context.Context, spec sandbox.Spec) (sandbox.Sandbox, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(spec.Command) == 0 || spec.Command[0] == "" {
		return nil, fmt.Errorf("start sandbox %s: no command: %w", spec.ID, fc.ErrInvalid)
	}
	s := &Sandbox{id: spec.ID, guard: d.guard, exited: make(chan struct{})}
	if err := d.reserve(s); err != nil {
		return nil, err
	}
	p, err := d.starter.start(d.attr(spec))
	if err != nil {
		d.forget(s)
		close(s.exited)
		return nil, fmt.Errorf("start sandbox %s: %w", spec.ID, err)
	}
	s.began(p)
	go func() {
		s.wait()
		d.forget(s)
		close(s.exited)
	}()
	return s, nil
}

// attr is what a process is started with.
type attr struct {
	command []string
	env     []string
	dir     string
	files   []*os.File
	mounts  []sandbox.Mount
	began   func(pid int) // called at once, before the process can have made children
}

// attr turns a spec into what is handed to fork and exec.
func (d *Driver) attr(spec sandbox.Spec) attr {
	a := attr{
		command: spec.Command,
		env:     spec.Env,
		dir:     spec.Dir,
		mounts:  spec.Mounts,
		began:   d.guard.add,
		files:   []*os.File{d.null, spec.Stdout, spec.Stderr},
	}
	if a.dir == "" {
		a.dir = "/"
	}
	for i, f := range a.files {
		if f == nil {
			a.files[i] = d.null
		}
	}
	a.files = append(a.files, spec.Files...)
	return a
}

func (d *Driver) reserve(s *Sandbox) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("start sandbox %s: driver is closed: %w", s.id, fc.ErrUnavailable)
	}
	if d.live[s.id] != nil {
		return fmt.Errorf("start sandbox %s: %w", s.id, fc.ErrExists)
	}
	d.live[s.id] = s
	return nil
}

func (d *Driver) forget(s *Sandbox) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, s.id)
}

// List names the sandboxes that run.
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

// Close kills what still runs, waits for it and lets go of everything the driver made
// on the node. It may be called twice.
func (d *Driver) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	left := make([]*Sandbox, 0, len(d.live))
	for _, s := range d.live {
		left = append(left, s)
	}
	d.mu.Unlock()

	for _, s := range left {
		_ = s.Kill() // one that is just being started is killed once it has
	}
	for _, s := range left {
		<-s.exited
	}
	d.starter.close()
	d.guard.close()
	return d.null.Close()
}
