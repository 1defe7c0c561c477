package resourcecontroller

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// roomWithin bounds the wait for whoever leases room to answer at all.
const roomWithin = 5 * time.Second

// turnover follows up on rights that have become free. f is locked.
func (c *Controller) turnover(f *function, l *fleet, now time.Time) {
	l.serve(now, c.granter)
	if l.old {
		c.stopFree(f, l)
	}
	c.plan(f, l, now)
}

// plan starts what scale asks for. f is locked.
func (c *Controller) plan(f *function, l *fleet, now time.Time) {
	if l.queue.length == 0 || l.old || c.ended.Load() {
		return
	}
	n := scale(l.demand(now, c.cfg.InstanceLimit-f.instances(), c.cfg))
	if n > 0 {
		starts := make([]*start, n)
		for i := range starts {
			starts[i] = &start{id: newInstanceID(), began: now, seq: f.seq}
			l.starting[starts[i].id] = starts[i]
		}
		c.work.Go(func() { c.bringUp(f, l, starts) })
	}
	c.arm(f)
}

// arm makes sure that f is looked at again soon. f is locked.
func (c *Controller) arm(f *function) {
	switch {
	case f.ticking:
		return
	case f.tick == nil:
		f.tick = time.AfterFunc(c.cfg.Reevaluate, func() { c.reevaluate(f) })
	default:
		f.tick.Reset(c.cfg.Reevaluate)
	}
	f.ticking = true
}

func (c *Controller) reevaluate(f *function) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ticking = false
	now := time.Now()
	for _, l := range f.fleets {
		if l.queue.length > 0 {
			l.expire(now, c.cfg.Grace)
			c.turnover(f, l, now)
		}
	}
}

// bringUp finds room for starts and starts them.
func (c *Controller) bringUp(f *function, l *fleet, starts []*start) {
	leases, err := c.room(f, l, len(starts))
	c.settle(f, l, starts, leases, err)
	for i, st := range starts[:len(leases)] {
		if i == len(leases)-1 {
			c.start(f, l, st)
			return
		}
		c.work.Go(func() { c.start(f, l, st) })
	}
}

// settle notes which start has which lease, and calls off those that got none.
func (c *Controller) settle(f *function, l *fleet, starts []*start, leases []fc.Lease, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, st := range starts {
		if i < len(leases) {
			st.lease, st.node = leases[i], leases[i].Node
			continue
		}
		delete(l.starting, st.id)
	}
	if len(leases) == len(starts) {
		return
	}
	now := time.Now()
	c.metrics.unplaced.Add(float64(len(starts) - len(leases)))
	l.holdUntil = now.Add(backoff(1))
	switch none := len(l.instances)+len(l.starting) == 0; {
	case err == nil || !none:
	case errors.Is(err, fc.ErrNoCapacity):
		failAll(l.queue.upTo(starts[0].seq), fmt.Errorf("find room for %s: %w", l.ref, err))
	default:
		// Whoever leases room is not there; its successor may be soon.
		l.blockUntil = l.holdUntil
		failAll(l.queue.before(now.Add(-roomWithin)), fmt.Errorf("find room for %s: %w", l.ref, err))
	}
	c.plan(f, l, now)
}

func (c *Controller) start(f *function, l *fleet, st *start) {
	on := st.node
	node := c.deps.Node(on)
	if node == nil {
		c.notStarted(f, l, st, fmt.Errorf("node %s is not known: %w", on, fc.ErrUnavailable))
		return
	}
	bound := c.cfg.StartTimeout
	if h := l.version.Initializer; h != nil {
		bound += h.Timeout
	}
	ctx, cancel := context.WithTimeout(l.ctx, bound)
	defer cancel()
	release := c.nodes.starting(on, st.id, cancel)
	inst, err := node.Start(ctx, st.id, l.version)
	release()
	if err != nil {
		c.notStarted(f, l, st, fmt.Errorf("start an instance of %s on %s: %w", l.ref, on, err))
		return
	}
	c.started(f, l, st, inst)
}

// started puts a new instance to work.
func (c *Controller) started(f *function, l *fleet, st *start, in fc.Instance) {
	now := time.Now()
	took := now.Sub(st.began)
	c.metrics.started.Observe(took.Seconds())
	c.log.Debug("instance started", "function", l.ref.String(), "instance", st.id, "node", st.node, "took", took)

	f.mu.Lock()
	defer f.mu.Unlock()
	delete(l.starting, st.id)
	in.ID, in.Node, in.Version = st.id, st.node, l.ref
	in.Concurrency = max(in.Concurrency, 1)
	i := &instance{Instance: in, lease: st.lease, used: now, seen: now}
	l.startTook.add(took, 1)
	switch {
	case st.gone:
		c.leases.giveBack(st.lease)
		c.plan(f, l, now)
	case l.old || c.ended.Load():
		c.stop(f, l, i, "its version was replaced")
	default:
		l.failures = 0
		l.join(i, now)
		c.turnover(f, l, now)
	}
}

// notStarted tells those who were there when the start began, if nothing else of the
// version can serve them. Otherwise they wait on and the next try is put off.
func (c *Controller) notStarted(f *function, l *fleet, st *start, err error) {
	c.metrics.failed.Inc()
	var failure *fc.Failure
	own := errors.As(err, &failure) // the function's own fault, not the node's

	f.mu.Lock()
	defer f.mu.Unlock()
	delete(l.starting, st.id)
	node := st.node
	if own {
		c.leases.giveBack(st.lease)
	} else {
		// Nobody knows how far it came.
		rest := fc.Instance{ID: st.id, Node: node, Version: l.ref}
		c.stop(f, l, &instance{Instance: rest, lease: st.lease}, "its start broke off")
	}
	if l.old || c.ended.Load() {
		return
	}
	c.log.Warn("instance did not start", "function", l.ref.String(), "instance", st.id, "node", node, "err", err)
	now := time.Now()
	l.failures++
	l.failedSeq = max(l.failedSeq, st.seq)
	l.holdUntil = now.Add(backoff(l.failures))
	if !own {
		l.offNode(node)
		c.nodes.avoid(node, now)
	}
	const tries = 3 // of nodes, before a caller hears of it
	if len(l.instances)+len(l.starting) == 0 && (own || l.failures >= tries) {
		if !own && !errors.Is(err, fc.ErrUnavailable) {
			err = fmt.Errorf("%w: %w", fc.ErrUnavailable, err)
		}
		failAll(l.queue.upTo(l.failedSeq), err)
	}
	c.plan(f, l, now)
}

// newInstanceID makes a name that no other instance of the installation has.
func newInstanceID() fc.InstanceID {
	return fc.InstanceID(fmt.Sprintf("c-%08x-%012x", rand.Uint32(), rand.Uint64()>>16))
}
