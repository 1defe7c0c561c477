// Package nodeagent runs instances on one node: it prepares their code, starts them in
// sandboxes, carries calls to them and reads their logs. How many there are of which
// function and who may call them is decided elsewhere.
package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/loop"
	"github.com/fcstack/fcstack/platform/module/nodeagent/bootstrap"
)

// Code gives the directory of an unpacked package. The directory is shared and stays
// until release is called.
type Code interface {
	Get(ctx context.Context, p fc.Package) (dir string, release func(), err error)
}

// Bootstraps knows how the built-in runtimes are started on this node; see bootstrap.
type Bootstraps interface {
	// Available lists the built-in runtimes that an interpreter was found for.
	Available() []fc.Runtime

	// Command is what runs r, its listener being descriptor 3. fc.ErrUnsupported: there
	// is no program or no interpreter for it.
	Command(r fc.Runtime, at bootstrap.Paths) ([]string, error)

	// Dir is where the programs are.
	Dir() string

	// Version of the interpreter that runs r.
	Version(r fc.Runtime) string
}

// LogLine is one line that an instance wrote. Text is valid during the call of the sink.
type LogLine struct {
	Instance fc.InstanceID
	Version  fc.VersionRef
	Request  string // the call it belongs to; "" if that is not known
	Text     []byte
}

// Deps is what an agent needs of others.
type Deps struct {
	Driver     sandbox.Driver
	Code       Code
	Bootstraps Bootstraps
	Inventory  fc.Inventory  // nil: no heartbeats
	Logs       func(LogLine) // nil: lines are dropped; must be quick
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Agent is the fc.Node of this machine.
type Agent struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	mounts  bool // the driver shows directories elsewhere
	ports   *ports
	sockets string // directory of unix sockets; its name is short
	serial  serial // of directories and sockets
	dirs    *spares[string]
	listen  *spares[*socket]
	table   table
	metrics *metrics
	fine    chan struct{} // held by the start that polls finely
	life    context.Context
	end     context.CancelFunc // of life: starts are given up
}

var _ fc.Node = (*Agent)(nil)

// New makes an agent with an empty instance directory.
func New(cfg Config, deps Deps) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, deps: deps, log: deps.Log, fine: make(chan struct{}, 1)}
	a.life, a.end = context.WithCancel(context.Background())
	if m, ok := deps.Driver.(sandbox.Mounter); ok {
		a.mounts = m.Mounts()
	}
	if err := a.makeDirs(); err != nil {
		return nil, err
	}
	a.dirs = newSpares(a.makeDir, func(dir string) { os.RemoveAll(dir) })
	a.listen = newSpares(a.makeSocket, func(s *socket) { _ = s.close(); s.remove() })
	a.ports = newPorts(cfg.FirstPort, cfg.LastPort)
	if first, last, ok := ephemeralRange(); ok && first <= cfg.LastPort && last >= cfg.FirstPort {
		a.log.Warn("ports of functions overlap those of outgoing connections",
			"first", cfg.FirstPort, "last", cfg.LastPort, "outgoing_first", first, "outgoing_last", last)
	}
	var err error
	if a.metrics, err = newMetrics(deps.Registerer, &a.table); err != nil {
		return nil, errors.Join(err, a.removeDirs())
	}
	return a, nil
}

// maxSocketDir leaves room for a name in the 104 bytes of a unix address.
const maxSocketDir = 80

func (a *Agent) makeDirs() error {
	dir, err := filepath.Abs(a.cfg.Dir)
	if err != nil {
		return fmt.Errorf("directory of instances: %w", err)
	}
	a.cfg.Dir = dir
	for _, d := range []string{a.instancesDir(), filepath.Join(dir, "run")} {
		if err := os.RemoveAll(d); err != nil {
			return fmt.Errorf("remove old instances: %w", err)
		}
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("directory of instances: %w", err)
		}
	}
	if a.sockets = filepath.Join(dir, "run"); len(a.sockets) <= maxSocketDir {
		return nil
	}
	if a.sockets, err = os.MkdirTemp("", "fc-"); err != nil {
		return fmt.Errorf("directory of sockets: %w", err)
	}
	return nil
}

func (a *Agent) removeDirs() error {
	return errors.Join(os.RemoveAll(a.instancesDir()), os.RemoveAll(filepath.Join(a.cfg.Dir, "run")), os.RemoveAll(a.sockets))
}

func (a *Agent) instancesDir() string { return filepath.Join(a.cfg.Dir, "instances") }

// Run sends heartbeats until ctx is done. Then it stops every instance, bounded by the
// drain timeout, and waits until nothing is left of them.
func (a *Agent) Run(ctx context.Context) error {
	if !a.cfg.Isolated {
		a.log.Warn("functions run with no isolation: they can see and change what the platform can")
	}
	var helpers sync.WaitGroup
	helpers.Go(func() { a.dirs.keep(ctx) })
	if a.deps.Bootstraps != nil {
		helpers.Go(func() { a.listen.keep(ctx) })
	}
	a.sendHeartbeats(ctx)
	<-ctx.Done()
	helpers.Wait()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.DrainTimeout)
	defer cancel()
	a.stopAll(drain)
	return a.removeDirs()
}

// sendHeartbeats tells the inventory now and then until ctx is done.
func (a *Agent) sendHeartbeats(ctx context.Context) {
	if a.deps.Inventory == nil {
		return
	}
	down := a.heartbeat(ctx, false)
	_ = loop.Every(ctx, a.cfg.HeartbeatEvery, func(ctx context.Context) { down = a.heartbeat(ctx, down) }) // ends with ctx
}

// heartbeat tells the inventory that the node lives. It logs when that begins to fail
// and when it works again.
func (a *Agent) heartbeat(ctx context.Context, down bool) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := a.deps.Inventory.Heartbeat(ctx, a.info())
	switch {
	case err != nil && !down && ctx.Err() == nil:
		a.log.Warn("heartbeat fails", "err", err)
	case err == nil && down:
		a.log.Info("heartbeat works again")
	}
	return err != nil
}

func (a *Agent) info() fc.NodeInfo {
	return fc.NodeInfo{
		ID: a.cfg.ID, Pool: a.cfg.Pool, Zone: a.cfg.Zone, Address: a.cfg.Address, Labels: a.cfg.Labels,
		MemoryMB: a.cfg.MemoryMB, Instances: a.cfg.Instances, Runtimes: a.runtimes(),
	}
}

// runtimes lists what this node can run: everything that needs no interpreter, and the
// built-in ones that have theirs.
func (a *Agent) runtimes() []fc.Runtime {
	r := []fc.Runtime{"custom", "custom.debian10", "custom.debian11", "custom.debian12", "go1"}
	if a.deps.Bootstraps != nil {
		r = append(r, a.deps.Bootstraps.Available()...)
	}
	slices.Sort(r)
	return r
}

// Watch calls seen for every instance there is and for every change.
func (a *Agent) Watch(ctx context.Context, seen func(fc.InstanceEvent)) error {
	return a.table.watch(ctx, seen)
}

// errClosed is what Start answers when the agent stops.
var errClosed = fmt.Errorf("the node agent stops: %w", fc.ErrUnavailable)
