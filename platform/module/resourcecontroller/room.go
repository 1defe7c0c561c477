package resourcecontroller

import (
	"errors"
	"slices"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// room finds leases for n instances of l: spare ones, then new ones. With an error it
// may return some all the same.
func (c *Controller) room(f *function, l *fleet, n int) ([]fc.Lease, error) {
	prefer, know := c.wishes(f, l)
	got := c.leases.takeSpare(l.kind, n, prefer, know, false)
	var err error
	if len(got) < n {
		var more []fc.Lease
		more, err = c.leases.ask(c.ctx, l.kind, n-len(got), prefer)
		got = append(got, more...)
	}
	if err != nil {
		got = append(got, c.leases.takeSpare(l.kind, n-len(got), prefer, know, true)...)
	}
	if len(got) > 0 {
		if err == nil {
			c.leases.refill(l.kind)
		}
		return got, err
	}
	// What no node could run even if it were empty must not drive out the others.
	if errors.Is(err, fc.ErrNoCapacity) && c.nodes.couldRun(l.kind) {
		return c.makeRoom(f, l, prefer, err)
	}
	return nil, err
}

// wishes tells where instances of l had best go.
func (c *Controller) wishes(f *function, l *fleet) ([]fc.NodeID, func(fc.NodeID) standing) {
	f.mu.Lock()
	cached := slices.Clone(l.cached)
	siblings := make(map[fc.NodeID]int, len(l.instances))
	for _, i := range l.instances {
		siblings[i.Node]++
	}
	f.mu.Unlock()
	return c.nodes.wishes(cached, siblings)
}

// makeRoom gives back what is only kept for later, spare leases first, then idle
// instances, until there is room for one instance of l.
func (c *Controller) makeRoom(f *function, l *fleet, prefer []fc.NodeID, short error) ([]fc.Lease, error) {
	const most = 8 // evictions for one instance
	c.leases.dropSpares(time.Now())
	for n := range most {
		c.leases.flush(c.ctx)
		got, err := c.leases.ask(c.ctx, l.kind, 1, prefer)
		if err == nil || !errors.Is(err, fc.ErrNoCapacity) {
			return got, err
		}
		short = err
		// An account that is at its quota has to give up something of its own.
		if !c.evict(l.kind, n < most/2) && !c.evict(l.kind, false) {
			break
		}
	}
	return nil, short
}

// evict stops the instance in k's pool that has been idle for longest, of k's account
// only if own is set, and waits for its end. false: there is none.
func (c *Controller) evict(k kind, own bool) bool {
	var inF *function
	var ofL *fleet
	var victim *instance
	c.eachFunction(func(f *function) {
		for _, l := range f.fleets {
			if l.kind.pool != k.pool || own && l.kind.account != k.account || l.queue.length > 0 {
				continue
			}
			for _, i := range l.instances {
				if i.granted == 0 && (victim == nil || i.used.Before(victim.used)) {
					inF, ofL, victim = f, l, i
				}
			}
		}
	})
	if victim == nil {
		return false
	}
	inF.mu.Lock()
	if victim.granted > 0 || ofL.instance(victim.ID) == nil {
		inF.mu.Unlock()
		return true // used or ended meanwhile; the caller looks again
	}
	ofL.leave(victim)
	ofL.stopping[victim.ID] = victim
	inF.mu.Unlock()
	c.log.Info("instance stops", "function", ofL.ref.String(), "instance", victim.ID, "node", victim.Node, "reason", "its room is needed")
	c.metrics.stopped.Inc()
	c.finish(inF, ofL, victim)
	return true
}
