package resourcecontroller

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

const (
	lostAfter    = 10 * time.Second // a node not listed for so long is lost, with all it ran
	avoidFor     = 5 * time.Second  // a node that could not start an instance is not wished for
	confirmAfter = 5 * time.Second  // what a node has not told of by then is not there
)

// nodes is what the controller knows of the nodes.
type nodes struct {
	mu      sync.Mutex
	live    map[fc.NodeID]fc.NodeInfo
	absent  map[fc.NodeID]time.Time // of live: since when it is not listed
	avoided map[fc.NodeID]time.Time // until when
	cancels map[fc.NodeID]map[fc.InstanceID]context.CancelFunc
}

func newNodes() *nodes {
	return &nodes{
		live: map[fc.NodeID]fc.NodeInfo{}, absent: map[fc.NodeID]time.Time{},
		avoided: map[fc.NodeID]time.Time{},
		cancels: map[fc.NodeID]map[fc.InstanceID]context.CancelFunc{},
	}
}

// starting notes a start, so that it is broken off when its node is lost.
func (n *nodes) starting(on fc.NodeID, id fc.InstanceID, cancel context.CancelFunc) (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cancels[on] == nil {
		n.cancels[on] = map[fc.InstanceID]context.CancelFunc{}
	}
	n.cancels[on][id] = cancel
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.cancels[on], id)
		if len(n.cancels[on]) == 0 {
			delete(n.cancels, on)
		}
	}
}

func (n *nodes) avoid(id fc.NodeID, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.avoided[id] = now.Add(avoidFor)
}

// couldRun tells whether any node could run an instance of k if it were empty.
func (n *nodes) couldRun(k kind) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, info := range n.live {
		if info.MemoryMB >= k.memoryMB && slices.Contains(info.Runtimes, k.runtime) {
			return true
		}
	}
	return false
}

// wishes turns what a version has where into a preference of nodes and what pick needs.
// With a node to avoid, all others are preferred to it.
func (n *nodes) wishes(cached []fc.NodeID, siblings map[fc.NodeID]int) ([]fc.NodeID, func(fc.NodeID) standing) {
	n.mu.Lock()
	defer n.mu.Unlock()
	bad := n.bad(time.Now())
	var prefer []fc.NodeID
	for _, id := range cached {
		if !bad[id] {
			prefer = append(prefer, id)
		}
	}
	if len(bad) > 0 && len(prefer) == 0 {
		for id := range n.live {
			if !bad[id] {
				prefer = append(prefer, id)
			}
		}
	}
	zone := make(map[fc.NodeID]string, len(siblings))
	inZone := map[string]int{}
	if len(siblings) > 0 {
		for id, info := range n.live {
			zone[id] = info.Zone
			inZone[info.Zone] += siblings[id]
		}
	}
	return prefer, func(id fc.NodeID) standing {
		return standing{Siblings: inZone[zone[id]], Avoid: bad[id]}
	}
}

func (n *nodes) bad(now time.Time) map[fc.NodeID]bool {
	var bad map[fc.NodeID]bool
	for id, until := range n.avoided {
		if now.After(until) {
			delete(n.avoided, id)
			continue
		}
		if bad == nil {
			bad = map[fc.NodeID]bool{}
		}
		bad[id] = true
	}
	return bad
}

// update takes in the list of live nodes and tells which are new and which are lost.
func (n *nodes) update(list []fc.NodeInfo, now time.Time) (fresh, lost []fc.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	listed := map[fc.NodeID]bool{}
	for _, info := range list {
		listed[info.ID] = true
		delete(n.absent, info.ID)
		if _, known := n.live[info.ID]; !known {
			fresh = append(fresh, info.ID)
		}
		n.live[info.ID] = info
	}
	for id := range n.live {
		switch since, missed := n.absent[id]; {
		case listed[id]:
		case !missed:
			n.absent[id] = now
		case now.Sub(since) >= lostAfter:
			delete(n.live, id)
			delete(n.absent, id)
			lost = append(lost, id)
			for _, cancel := range n.cancels[id] {
				cancel()
			}
		}
	}
	return fresh, lost
}

// followNodes watches the instances of every live node until ctx is done.
func (c *Controller) followNodes(ctx context.Context) error {
	var watches sync.WaitGroup
	defer watches.Wait()
	cancels := map[fc.NodeID]context.CancelFunc{}
	defer func() {
		for _, cancel := range cancels {
			cancel()
		}
	}()
	failing := false
	for ctx.Err() == nil {
		list, err := c.deps.Nodes.Nodes(ctx, "")
		if err != nil && !failing && ctx.Err() == nil {
			c.log.Warn("nodes not listed", "err", err)
		}
		failing = err != nil
		if err == nil {
			fresh, lost := c.nodes.update(list, time.Now())
			for _, id := range fresh {
				nctx, cancel := context.WithCancel(ctx)
				cancels[id] = cancel
				watches.Go(func() { c.watch(nctx, id) })
			}
			for _, id := range lost {
				cancels[id]()
				delete(cancels, id)
				c.nodeLost(id)
			}
		}
		pause(ctx, c.cfg.NodesEvery)
	}
	return nil
}

// watch follows the instances of one node until ctx is done.
func (c *Controller) watch(ctx context.Context, id fc.NodeID) {
	for ctx.Err() == nil {
		if node := c.deps.Node(id); node != nil {
			began := time.Now()
			confirm := time.AfterFunc(confirmAfter, func() { c.unconfirmed(ctx, id, began) })
			err := node.Watch(ctx, func(ev fc.InstanceEvent) { c.seen(id, ev) })
			confirm.Stop()
			if err != nil && ctx.Err() == nil {
				c.log.Warn("instances of a node not watched", "node", id, "err", err)
			}
		}
		pause(ctx, time.Second)
	}
}

// seen takes in what a node told of an instance.
func (c *Controller) seen(node fc.NodeID, ev fc.InstanceEvent) {
	in := ev.Instance
	in.Node = node
	now := time.Now()
	if f := c.known(name{in.Version.Account, in.Version.Function}); f != nil {
		l := f.fleets[in.Version]
		here := l != nil && c.confirm(l, in.ID, now)
		if l != nil && ev.Gone {
			c.lost(f, l, in.ID, ev.Reason, now)
		}
		f.mu.Unlock()
		if here {
			return
		}
	}
	if !ev.Gone && c.deps.Owns(in.Version.Account, in.Version.Function) {
		c.adopt(in)
	}
}

// confirm notes that an instance is there; false: it is not known. Its function is
// locked.
func (c *Controller) confirm(l *fleet, id fc.InstanceID, now time.Time) bool {
	if i := l.instance(id); i != nil {
		i.seen = now
		return true
	}
	return l.starting[id] != nil || l.stopping[id] != nil
}

// adopt takes over an instance that somebody else started. Slots that an earlier owner
// granted on it are not known; they end with their first report, and until then the
// node itself refuses calls beyond its concurrency.
func (c *Controller) adopt(in fc.Instance) {
	f, l, err := c.fleet(in.Version)
	switch {
	case errors.Is(err, fc.ErrStale), errors.Is(err, fc.ErrNotFound):
		c.work.Go(func() { c.stopStray(in) })
		return
	case errors.Is(err, fc.ErrNotOwner), c.ended.Load():
		return
	case err != nil:
		c.work.Go(func() {
			pause(c.ctx, time.Second)
			c.adopt(in)
		})
		return
	}
	defer f.mu.Unlock()
	now := time.Now()
	if c.confirm(l, in.ID, now) {
		return
	}
	in.Concurrency = max(in.Concurrency, 1)
	if in.StartTook > 0 && l.startTook.value == 0 {
		l.startTook.add(in.StartTook, 1)
	}
	l.join(&instance{Instance: in, used: now, seen: now}, now)
	c.log.Info("instance adopted", "function", l.ref.String(), "instance", in.ID, "node", in.Node)
	c.turnover(f, l, now)
}

// stopStray ends an instance of a version that is no more.
func (c *Controller) stopStray(in fc.Instance) {
	node := c.deps.Node(in.Node)
	if node == nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.drain, time.Hour) // calls may still run on it
	defer cancel()
	c.log.Info("instance stops", "function", in.Version.String(), "instance", in.ID, "node", in.Node, "reason", "its version is no more")
	if err := node.Stop(ctx, in.ID); err != nil && c.ctx.Err() == nil {
		c.log.Warn("instance did not stop", "function", in.Version.String(), "instance", in.ID, "node", in.Node, "err", err)
	}
}

// unconfirmed ends what a node has not told of since a watch began.
func (c *Controller) unconfirmed(ctx context.Context, node fc.NodeID, began time.Time) {
	if ctx.Err() != nil {
		return
	}
	c.eachFunction(func(f *function) {
		for _, l := range f.fleets {
			for _, i := range append([]*instance(nil), l.instances...) {
				if i.Node == node && i.seen.Before(began) {
					c.stop(f, l, i, "its node does not know it")
					c.plan(f, l, time.Now())
				}
			}
		}
	})
}

// nodeLost drops everything on a node that is gone.
func (c *Controller) nodeLost(id fc.NodeID) {
	c.log.Warn("node lost", "node", id)
	now := time.Now()
	c.eachFunction(func(f *function) {
		for _, l := range f.fleets {
			l.offNode(id)
			for _, i := range append([]*instance(nil), l.instances...) {
				if i.Node == id {
					c.lost(f, l, i.ID, "its node is lost", now)
				}
			}
			for _, i := range l.stopping {
				if i.Node == id {
					c.stopped(l, i)
				}
			}
		}
	})
}
