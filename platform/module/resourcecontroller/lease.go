package resourcecontroller

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// kind is what instances must have in common to use each other's leases.
type kind struct {
	account, pool string
	runtime       fc.Runtime
	memoryMB      int
}

func kindOf(v *fc.Version) kind {
	return kind{v.Account, v.Pool, v.Runtime, v.MemoryMB}
}

// leases is the stock of room that is leased and not in use, so that a cold call
// normally asks nobody for room.
type leases struct {
	cfg      Config
	owner    string
	capacity fc.Capacity
	spawn    func(func())
	ctx      context.Context

	mu       sync.Mutex
	spare    map[kind][]fc.Lease
	used     map[kind]time.Time
	filling  map[kind]bool
	inUse    map[fc.NodeID]int
	returned []string      // to be released
	wake     chan struct{} // something was returned
}

func newLeases(c *Controller) *leases {
	return &leases{
		cfg: c.cfg, owner: c.deps.ID, capacity: c.deps.Capacity, spawn: c.work.Go, ctx: c.ctx,
		spare: map[kind][]fc.Lease{}, used: map[kind]time.Time{}, filling: map[kind]bool{},
		inUse: map[fc.NodeID]int{}, wake: make(chan struct{}, 1),
	}
}

// takeSpare takes up to n spare leases, the best first; see pick for must.
func (s *leases) takeSpare(k kind, n int, prefer []fc.NodeID, know func(fc.NodeID) standing, must bool) []fc.Lease {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[k] = now
	s.spare[k] = slices.DeleteFunc(s.spare[k], func(l fc.Lease) bool { return !now.Before(l.Until) })
	var out []fc.Lease
	for len(out) < n {
		i := pick(s.spare[k], prefer, func(n fc.NodeID) standing {
			st := know(n)
			st.Instances = s.inUse[n]
			return st
		}, must)
		if i < 0 {
			break
		}
		out = append(out, s.spare[k][i])
		s.inUse[s.spare[k][i].Node]++
		s.spare[k] = slices.Delete(s.spare[k], i, i+1)
	}
	return out
}

// askWithin bounds one question to whoever leases room.
const askWithin = 5 * time.Second

// ask leases room for n instances.
func (s *leases) ask(ctx context.Context, k kind, n int, prefer []fc.NodeID) ([]fc.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	got, err := s.capacity.Lease(ctx, fc.LeaseRequest{
		Owner: s.owner, Account: k.account, Pool: k.pool, Runtime: k.runtime,
		MemoryMB: k.memoryMB, Count: n, Prefer: prefer,
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range got[min(n, len(got)):] {
		s.toRelease(l.ID)
	}
	got = got[:min(n, len(got))]
	for _, l := range got {
		s.inUse[l.Node]++
	}
	return got, nil
}

// refill brings the stock of k up to its size, in the background.
func (s *leases) refill(k kind) {
	s.mu.Lock()
	missing := s.cfg.Spare - len(s.spare[k])
	if missing <= 0 || s.filling[k] {
		s.mu.Unlock()
		return
	}
	s.filling[k] = true
	s.mu.Unlock()
	s.spawn(func() {
		got, err := s.ask(s.ctx, k, missing, nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.filling, k)
		if err != nil {
			return // without a spare the next start asks for itself
		}
		for _, l := range got {
			s.inUse[l.Node]--
		}
		s.spare[k] = append(s.spare[k], got...)
	})
}

// giveBack ends the use of a lease; it is released soon.
func (s *leases) giveBack(l fc.Lease) {
	if l.ID == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inUse[l.Node]--; s.inUse[l.Node] <= 0 {
		delete(s.inUse, l.Node)
	}
	s.toRelease(l.ID)
}

func (s *leases) toRelease(id string) {
	s.returned = append(s.returned, id)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// giveBackLoop releases what was given back until ctx is done.
func (s *leases) giveBackLoop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
			s.flush(ctx)
		}
	}
}

// flush releases what was given back. What cannot be told ends by its expiry.
func (s *leases) flush(ctx context.Context) {
	s.mu.Lock()
	ids := s.returned
	s.returned = nil
	s.mu.Unlock()
	if len(ids) > 0 {
		_ = s.capacity.Release(ctx, s.owner, ids)
	}
}

// dropSpares gives back the stock of all kinds that were not used since t.
func (s *leases) dropSpares(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, list := range s.spare {
		if s.used[k].After(t) {
			continue
		}
		for _, l := range list {
			s.toRelease(l.ID)
		}
		delete(s.spare, k)
		delete(s.used, k)
	}
}

func (s *leases) close() {
	s.dropSpares(time.Now())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.flush(ctx)
}

// spareIDs lists the stock, for renewal.
func (s *leases) spareIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, list := range s.spare {
		for _, l := range list {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// renewed takes in which of the leases asked for still stand.
func (s *leases) renewed(asked map[string]bool, stand map[string]fc.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, list := range s.spare {
		kept := list[:0]
		for _, l := range list {
			if n, ok := stand[l.ID]; ok {
				kept = append(kept, n)
			} else if !asked[l.ID] {
				kept = append(kept, l)
			}
		}
		s.spare[k] = kept
	}
}

// renew extends all leases and sees to instances whose room is not leased (any more).
func (c *Controller) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	c.leases.dropSpares(time.Now().Add(-c.cfg.SpareFor))
	asked := map[string]bool{}
	for _, id := range c.leases.spareIDs() {
		asked[id] = true
	}
	c.eachLease(func(l *fc.Lease) {
		if l.ID != "" {
			asked[l.ID] = true
		}
	})
	stand := map[string]fc.Lease{}
	if len(asked) > 0 {
		ids := make([]string, 0, len(asked))
		for id := range asked {
			ids = append(ids, id)
		}
		list, err := c.deps.Capacity.Renew(ctx, c.deps.ID, ids)
		if err != nil {
			c.log.Warn("leases not renewed", "leases", len(ids), "err", err)
			return
		}
		for _, l := range list {
			stand[l.ID] = l
		}
	}
	c.leases.renewed(asked, stand)
	for _, b := range c.unleased(asked, stand) {
		c.leaseAgain(ctx, b)
	}
}

// bare is an instance that runs without a lease.
type bare struct {
	f    *function
	l    *fleet
	id   fc.InstanceID
	node fc.NodeID
}

// unleased takes in what was renewed and lists the instances that have no lease.
func (c *Controller) unleased(asked map[string]bool, stand map[string]fc.Lease) []bare {
	var out []bare
	c.eachLease(func(l *fc.Lease) {
		if n, ok := stand[l.ID]; ok {
			*l = n
		} else if asked[l.ID] {
			c.leases.giveBack(*l)
			*l = fc.Lease{}
		}
	})
	c.eachFunction(func(f *function) {
		for _, l := range f.fleets {
			for _, i := range l.instances {
				if i.lease.ID == "" {
					out = append(out, bare{f, l, i.ID, i.Node})
				}
			}
		}
	})
	return out
}

// leaseAgain leases the room that an instance takes already, if its node has it.
func (c *Controller) leaseAgain(ctx context.Context, b bare) {
	got, err := c.leases.ask(ctx, b.l.kind, 1, []fc.NodeID{b.node})
	if err != nil {
		return // it runs on; the next renewal tries again
	}
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	i := b.l.instance(b.id)
	for _, l := range got {
		if i != nil && i.lease.ID == "" && l.Node == b.node {
			i.lease = l
			continue
		}
		c.leases.giveBack(l)
	}
}

// eachLease calls do for the lease of everything that runs, starts or stops, locked.
func (c *Controller) eachLease(do func(*fc.Lease)) {
	c.eachFunction(func(f *function) {
		for _, l := range f.fleets {
			for _, i := range l.instances {
				do(&i.lease)
			}
			for _, i := range l.stopping {
				do(&i.lease)
			}
			for _, s := range l.starting {
				do(&s.lease)
			}
		}
	})
}
