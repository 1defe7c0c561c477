// Package resourcecontroller owns functions: it grants the slots on their instances and
// starts and stops instances as calls come and go. Where there is room it asks of
// fc.Capacity; what an instance is it leaves to fc.Node.
//
//	Acquire ─► free right? ─► slot
//	              │ none
//	              ▼
//	           queue, scale ─► lease ─► Node.Start ─► serve the queue
package resourcecontroller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/loop"
)

// Deps is what a Controller works with.
type Deps struct {
	ID       string                                   // of this owner, unique among the owners
	Resolve  func(fc.VersionRef) (*fc.Version, error) // from memory; fc.ErrStale, fc.ErrNotFound
	Owns     func(account, function string) bool      // nil: everything
	Capacity fc.Capacity                              // room for instances
	Nodes    fc.Inventory                             // which nodes there are
	Node     func(fc.NodeID) fc.Node                  // nil for a node it does not know
	Log      *slog.Logger                             // nil: no log
	Metrics  prometheus.Registerer                    // nil: none
}

// Controller is an fc.Owner. It answers from New on; Run keeps it going.
type Controller struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	metrics metrics
	granter granter

	functions sync.Map // name -> *function
	leases    *leases
	nodes     *nodes

	ctx    context.Context // of all work that outlives a call
	cancel context.CancelFunc
	drain  context.Context // of calls of Node.Stop, which would cut calls short with ctx
	hurry  context.CancelFunc
	ended  atomic.Bool
	work   sync.WaitGroup
}

// granter names slots.
type granter struct {
	cfg    *Config
	prefix string
	last   *atomic.Uint64
}

func (g granter) slotID() string {
	b := make([]byte, 0, 32)
	b = append(b, g.prefix...)
	return string(strconv.AppendUint(b, g.last.Add(1), 36))
}

// New makes a Controller that owns nothing yet.
func New(cfg Config, deps Deps) (*Controller, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("resource controller: %w", err)
	}
	if deps.Resolve == nil || deps.Capacity == nil || deps.Nodes == nil || deps.Node == nil || deps.ID == "" {
		return nil, fmt.Errorf("resource controller: a dependency is missing: %w", fc.ErrInvalid)
	}
	if deps.Owns == nil {
		deps.Owns = func(string, string) bool { return true }
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	c := &Controller{cfg: cfg, deps: deps, log: deps.Log, nodes: newNodes()}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.drain, c.hurry = context.WithCancel(context.Background())
	c.leases = newLeases(c)
	// The prefix keeps slots of an earlier life of this owner apart.
	c.granter = granter{&c.cfg, "s-" + strconv.FormatUint(rand.Uint64(), 36) + "-", new(atomic.Uint64)}
	if err := c.register(deps.Metrics); err != nil {
		return nil, fmt.Errorf("resource controller: %w", err)
	}
	return c, nil
}

// Run follows the nodes, renews leases and stops what is idle until ctx is done. Then
// whoever waits gets fc.ErrUnavailable, starts under way are broken off, instances that
// stop have a little time for their calls, and spare leases go back. Instances run on: they belong to their nodes, and the next owner
// adopts them.
func (c *Controller) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.followNodes(gctx) })
	g.Go(func() error { return loop.Every(gctx, c.cfg.SweepEvery, func(context.Context) { c.sweep(time.Now()) }) })
	g.Go(func() error { return loop.Every(gctx, c.cfg.RenewEvery, c.renew) })
	g.Go(func() error { return c.leases.giveBackLoop(gctx) })
	err := g.Wait()
	c.close()
	return err
}

func (c *Controller) close() {
	c.ended.Store(true)
	c.cancel()
	c.eachFunction(func(f *function) {
		for _, l := range f.fleets {
			l.cancel()
			failAll(l.queue.upTo(f.seq), errEnded)
		}
		if f.tick != nil {
			f.tick.Stop()
		}
	})
	t := time.AfterFunc(c.cfg.DrainFor, c.hurry)
	c.work.Wait()
	t.Stop()
	c.hurry()
	c.leases.close()
}

var errEnded = fmt.Errorf("the owner is going away: %w", fc.ErrUnavailable)

// Acquire is of fc.Owner.
func (c *Controller) Acquire(ctx context.Context, w fc.Want) ([]fc.Slot, error) {
	if w.Slots < 1 || w.Router == "" {
		return nil, fmt.Errorf("acquire %d slots for router %q: %w", w.Slots, w.Router, fc.ErrInvalid)
	}
	now := time.Now()
	f, l, err := c.fleet(w.Version)
	if err != nil {
		return nil, err
	}
	slots, wait, err := c.acquire(f, l, w, now)
	f.mu.Unlock()
	if wait == nil {
		return slots, err
	}
	select {
	case a := <-wait.done:
		c.metrics.waited.Observe(time.Since(now).Seconds())
		return a.slots, a.err
	case <-ctx.Done():
		c.forsake(f, l, wait)
		return nil, fmt.Errorf("wait for an instance of %s: %w", w.Version, ctx.Err())
	}
}

// acquire grants at once or puts w into the queue. f is locked.
func (c *Controller) acquire(f *function, l *fleet, w fc.Want, now time.Time) ([]fc.Slot, *waiter, error) {
	if l.queue.length == 0 {
		if slots := l.grant(w.Router, w.Slots, 0, now, c.granter); slots != nil {
			return slots, nil, nil
		}
		l.expire(now, c.cfg.Grace)
		if slots := l.grant(w.Router, w.Slots, 0, now, c.granter); slots != nil {
			return slots, nil, nil
		}
	}
	if f.waiting() >= c.cfg.QueueLimit {
		c.metrics.refused.Inc()
		return nil, nil, fmt.Errorf("%d calls wait for %s already: %w", c.cfg.QueueLimit, f.name.function, fc.ErrBusy)
	}
	f.seq++
	wait := &waiter{router: w.Router, want: w.Slots, seq: f.seq, since: now, done: make(chan answer, 1)}
	l.queue.push(wait)
	c.plan(f, l, now)
	return nil, wait, nil
}

// forsake takes out a waiter whose caller went away. What it was granted in the same
// moment goes back.
func (c *Controller) forsake(f *function, l *fleet, w *waiter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.queue.remove(w) {
		return
	}
	for _, s := range (<-w.done).slots {
		if s := l.slots[s.ID]; s != nil {
			l.end(s)
		}
	}
	c.turnover(f, l, time.Now())
}

// fleet finds or makes the fleet of ref. It returns with its function locked, unless
// there is an error.
func (c *Controller) fleet(ref fc.VersionRef) (*function, *fleet, error) {
	if !c.deps.Owns(ref.Account, ref.Function) {
		return nil, nil, fmt.Errorf("acquire slots of %s: %w", ref, fc.ErrNotOwner)
	}
	for {
		f := c.function(name{ref.Account, ref.Function})
		if c.ended.Load() {
			f.mu.Unlock()
			return nil, nil, errEnded
		}
		l := f.fleets[ref]
		if l != nil && l.old {
			f.mu.Unlock()
			return nil, nil, fmt.Errorf("acquire slots of %s: %w", ref, fc.ErrStale)
		}
		if l != nil {
			return f, l, nil
		}
		changes := f.changes
		f.mu.Unlock()

		v, err := c.deps.Resolve(ref)
		if err != nil {
			return nil, nil, fmt.Errorf("resolve %s: %w", ref, err)
		}
		f.mu.Lock()
		if !f.closed && f.fleets[ref] == nil && f.changes == changes {
			f.fleets[ref] = newFleet(v, ref)
			f.fleets[ref].used = time.Now()
		}
		f.mu.Unlock() // and look again: it may have changed meanwhile
	}
}

// function finds or makes a function and locks it.
func (c *Controller) function(n name) *function {
	for {
		v, there := c.functions.Load(n)
		if !there {
			v, _ = c.functions.LoadOrStore(n, &function{name: n, fleets: map[fc.VersionRef]*fleet{}})
		}
		f := v.(*function)
		f.mu.Lock()
		if !f.closed {
			return f
		}
		f.mu.Unlock()
	}
}

// known finds a function that is in use and locks it; nil: it is not.
func (c *Controller) known(n name) *function {
	v, there := c.functions.Load(n)
	if !there {
		return nil
	}
	f := v.(*function)
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	return f
}

// eachFunction calls do for every function, locked.
func (c *Controller) eachFunction(do func(*function)) {
	c.functions.Range(func(_, v any) bool {
		f := v.(*function)
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.closed {
			do(f)
		}
		return true
	})
}

// Changed tells that a function was updated or deleted. Versions that do not resolve
// any more get no new slots; their instances stop as soon as their slots have ended.
func (c *Controller) Changed(account, functionName string) {
	f := c.known(name{account, functionName})
	if f == nil {
		return
	}
	defer f.mu.Unlock()
	f.changes++
	for _, l := range f.fleets {
		if _, err := c.deps.Resolve(l.ref); errors.Is(err, fc.ErrStale) || errors.Is(err, fc.ErrNotFound) {
			c.retire(f, l, err)
		}
	}
}

// retire ends the use of a version. f is locked.
func (c *Controller) retire(f *function, l *fleet, why error) {
	if l.old {
		return
	}
	l.old = true
	l.cancel()
	failAll(l.queue.upTo(f.seq), fmt.Errorf("wait for an instance of %s: %w", l.ref, why))
	c.stopFree(f, l)
}

func failAll(waiters []*waiter, err error) {
	for _, w := range waiters {
		w.done <- answer{err: err}
	}
}
