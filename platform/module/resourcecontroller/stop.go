package resourcecontroller

import (
	"context"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// stopFree stops the instances of a replaced version that nobody holds. f is locked.
func (c *Controller) stopFree(f *function, l *fleet) {
	for _, i := range append([]*instance(nil), l.instances...) {
		if i.granted == 0 {
			c.stop(f, l, i, "its version was replaced")
		}
	}
}

// stop takes i out of use and ends it in the background. f is locked.
func (c *Controller) stop(f *function, l *fleet, i *instance, why string) {
	l.leave(i)
	if l.stopping[i.ID] != nil {
		return
	}
	l.stopping[i.ID] = i
	if c.ended.Load() {
		return // the next owner sees to it
	}
	c.log.Info("instance stops", "function", l.ref.String(), "instance", i.ID, "node", i.Node, "reason", why)
	c.metrics.stopped.Inc()
	c.work.Go(func() { c.finish(f, l, i) })
}

// finish ends i on its node; it tries again until it is done or the node is gone.
func (c *Controller) finish(f *function, l *fleet, i *instance) {
	for n := 1; c.ctx.Err() == nil; n++ {
		node := c.deps.Node(i.Node)
		if node == nil {
			break
		}
		err := c.stopOn(node, l.version, i.ID)
		if err == nil {
			break
		}
		f.mu.Lock()
		gone := l.stopping[i.ID] == nil
		f.mu.Unlock()
		if gone {
			return
		}
		c.log.Warn("instance did not stop", "function", l.ref.String(), "instance", i.ID, "node", i.Node, "err", err)
		pause(c.ctx, backoff(n+3))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.stopped(l, i)
}

func (c *Controller) stopOn(node fc.Node, v *fc.Version, id fc.InstanceID) error {
	// The node bounds the calls by their own timeout; this is for a node that hangs.
	bound := v.Timeout + time.Minute
	if v.PreStop != nil {
		bound += v.PreStop.Timeout
	}
	ctx, cancel := context.WithTimeout(c.drain, bound)
	defer cancel()
	return node.Stop(ctx, id)
}

// stopped notes the end of an instance that was stopping. Its function is locked.
func (c *Controller) stopped(l *fleet, i *instance) {
	if l.stopping[i.ID] == nil {
		return
	}
	delete(l.stopping, i.ID)
	c.leases.giveBack(i.lease)
}

// lost notes that an instance ended by itself. f is locked.
func (c *Controller) lost(f *function, l *fleet, id fc.InstanceID, why string, now time.Time) {
	if st := l.starting[id]; st != nil {
		st.gone = true
		return
	}
	if i := l.stopping[id]; i != nil {
		c.stopped(l, i)
		return
	}
	i := l.instance(id)
	if i == nil {
		return
	}
	c.log.Debug("instance ended", "function", l.ref.String(), "instance", id, "node", i.Node, "reason", why)
	l.leave(i)
	c.leases.giveBack(i.lease)
	c.plan(f, l, now)
}

// sweep ends what has outlived its use.
func (c *Controller) sweep(now time.Time) {
	c.eachFunction(func(f *function) {
		for ref, l := range f.fleets {
			c.sweepFleet(f, l, now)
			if l.empty() && (l.old || now.Sub(l.used) > c.cfg.ForgetAfter) {
				l.cancel()
				delete(f.fleets, ref)
			}
		}
		if len(f.fleets) == 0 {
			f.closed = true
			c.functions.CompareAndDelete(f.name, f)
		}
	})
}

func (c *Controller) sweepFleet(f *function, l *fleet, now time.Time) {
	l.expire(now, c.cfg.Grace)
	for id, r := range l.routers {
		if r.rights == 0 && now.Sub(r.seen) > c.cfg.GrantFor {
			delete(l.routers, id)
		}
	}
	c.turnover(f, l, now)
	if l.queue.length > 0 {
		return
	}
	keep := l.keepFor(c.cfg.IdleTimeout)
	for _, i := range append([]*instance(nil), l.instances...) {
		if isIdle(i.granted, i.used, keep, now) {
			c.stop(f, l, i, "idle")
		}
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
