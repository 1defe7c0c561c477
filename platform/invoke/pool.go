package invoke

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// errRetired is internal: the pool was thrown away, take another one.
var errRetired = errors.New("pool is retired")

// reportTimeout bounds one report to an owner.
const reportTimeout = 5 * time.Second

// earlyReport is how soon an owner hears of the first calls while others wait: it
// needs their duration to know how many instances a burst is worth.
const earlyReport = 20 * time.Millisecond

// slot is a grant of an owner and its use. Guarded by its pool's lock.
type slot struct {
	id       string
	instance fc.InstanceID
	nodeID   fc.NodeID
	node     fc.Node
	rights   int
	until    time.Time

	inFlight int
	listed   bool // it is on the free list
	dropped  bool // no new calls: expired, gone or given back
	gone     bool // the node said so

	// since the last report
	calls int
	busy  time.Duration
	last  time.Time
}

func (s *slot) usable(now time.Time) bool {
	return !s.dropped && s.inFlight < s.rights && now.Before(s.until)
}

// pool holds the slots of one version and the calls that wait for one.
type pool struct {
	router *router
	ref    fc.VersionRef

	mu       sync.Mutex
	slots    map[string]*slot
	free     []*slot // a stack, so that what is not needed falls idle
	waiters  []*waiter
	asked    int                // rights that running Acquires ask for
	cancel   context.CancelFunc // of those Acquires; nil: none runs
	asking   context.Context
	reported time.Time
	retired  bool
}

// waiter is a call that waits. ready gets its outcome exactly once; a waiter that is
// no longer in the queue has one.
type waiter struct {
	ready chan outcome
}

type outcome struct {
	taken taken
	err   error
}

func newPool(r *router, ref fc.VersionRef) *pool {
	return &pool{router: r, ref: ref, slots: make(map[string]*slot)}
}

func (p *pool) take(ctx context.Context) (taken, error) {
	now := time.Now()
	p.mu.Lock()
	if p.retired {
		p.mu.Unlock()
		return taken{}, errRetired
	}
	if s := p.pick(now); s != nil {
		p.mu.Unlock()
		return taken{s, p, now}, nil
	}
	if len(p.waiters) >= p.router.cfg.MaxQueue {
		p.mu.Unlock()
		return taken{}, fmt.Errorf("%w: %d calls wait for an instance already", fc.ErrBusy, p.router.cfg.MaxQueue)
	}
	w := &waiter{ready: make(chan outcome, 1)}
	p.waiters = append(p.waiters, w)
	p.ask()
	p.mu.Unlock()
	return p.wait(ctx, w)
}

func (p *pool) wait(ctx context.Context, w *waiter) (taken, error) {
	limit := time.NewTimer(p.router.cfg.MaxWait)
	defer limit.Stop()
	var err error
	select {
	case o := <-w.ready:
		return o.taken, o.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-limit.C:
		err = fmt.Errorf("%w: no instance within %s", fc.ErrBusy, p.router.cfg.MaxWait)
	}
	if p.leave(w) {
		return taken{}, err
	}
	// It was served at the same moment.
	o := <-w.ready
	if o.err == nil && ctx.Err() != nil {
		p.done(o.taken, false, false)
		return taken{}, err
	}
	return o.taken, o.err
}

// leave takes w out of the queue, if it is still there.
func (p *pool) leave(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.waiters {
		if other == w {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			p.stopAsking()
			return true
		}
	}
	return false
}

// pick takes a right of the free slot used last.
func (p *pool) pick(now time.Time) *slot {
	for n := len(p.free); n > 0; n = len(p.free) {
		s := p.free[n-1]
		if !s.usable(now) {
			p.free = p.free[:n-1]
			s.listed = false
			continue
		}
		s.inFlight++
		if s.inFlight == s.rights {
			p.free = p.free[:n-1]
			s.listed = false
		}
		return s
	}
	return nil
}

// list puts a slot with a free right on the free list.
func (p *pool) list(s *slot, now time.Time) {
	if !s.listed && s.usable(now) {
		s.listed = true
		p.free = append(p.free, s)
	}
}

func (p *pool) done(t taken, gone, saturated bool) {
	now := time.Now()
	s := t.slot
	p.mu.Lock()
	s.inFlight--
	if gone {
		s.gone, s.dropped = true, true
	}
	if saturated {
		s.dropped = true // the owner knows better by now what is free
	}
	if !gone && !saturated {
		s.calls++
		s.busy += now.Sub(t.since)
		s.last = now
	}
	p.list(s, now)
	early := false
	if len(p.waiters) > 0 {
		p.serve(now)
		if early = len(p.waiters) > 0 && now.Sub(p.reported) > earlyReport; early {
			p.reported = now
		}
		p.ask()
	}
	p.mu.Unlock()
	if early {
		go p.report(context.Background(), p.usage(now, false))
	}
}

// serve hands free rights to those who wait, first come first served.
func (p *pool) serve(now time.Time) {
	for len(p.waiters) > 0 {
		s := p.pick(now)
		if s == nil {
			return
		}
		p.next().ready <- outcome{taken: taken{s, p, now}}
	}
	p.stopAsking()
}

// next takes the first waiter out of the queue.
func (p *pool) next() *waiter {
	w := p.waiters[0]
	p.waiters[0] = nil
	p.waiters = p.waiters[1:]
	if len(p.waiters) == 0 {
		p.waiters = nil
	}
	return w
}

// stopAsking ends the Acquires that nobody waits for any more.
func (p *pool) stopAsking() {
	if len(p.waiters) == 0 && p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
}

// ask starts an Acquire for the waiters that no running one asks for.
func (p *pool) ask() {
	want := len(p.waiters) - p.asked
	if want <= 0 {
		return
	}
	if p.cancel == nil {
		p.asking, p.cancel = context.WithCancel(context.Background())
	}
	p.asked += want
	go p.acquire(p.asking, want)
}

// acquire asks the owner for want rights and deals them out. It ends once all who it
// asks for are served or gone.
func (p *pool) acquire(ctx context.Context, want int) {
	granted, err := p.router.owner(p.ref).Acquire(ctx, fc.Want{
		Version: p.ref,
		Router:  p.router.cfg.Router,
		Slots:   want,
	})
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked -= want
	if err != nil {
		if ctx.Err() == nil {
			p.fail(err, want)
		}
		p.ask() // for those who came while this Acquire was being cancelled
		return
	}
	for _, g := range granted {
		p.add(g, now)
	}
	p.serve(now)
	p.ask()
}

// fail gives err to as many waiters as the Acquire asked for.
func (p *pool) fail(err error, n int) {
	for ; n > 0 && len(p.waiters) > 0; n-- {
		p.next().ready <- outcome{err: err}
	}
	p.stopAsking()
}

func (p *pool) add(g fc.Slot, now time.Time) {
	s := &slot{
		id: g.ID, instance: g.Instance, nodeID: g.Node, node: p.router.node(g.Node),
		rights: g.Rights, until: g.Until, last: now,
	}
	s.dropped = s.node == nil
	p.slots[g.ID] = s
	p.list(s, now)
}

// usage drains what there is to report. Slots that were not used for a while, or all
// when closing, are given back.
func (p *pool) usage(now time.Time, closing bool) []fc.Usage {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reported = now
	used := make([]fc.Usage, 0, len(p.slots))
	for id, s := range p.slots {
		idle := s.inFlight == 0 && now.Sub(s.last) >= p.router.cfg.HoldIdle
		if closing || idle {
			s.dropped = true
		}
		keep := s.inFlight > 0 || !s.dropped && now.Before(s.until)
		u := fc.Usage{
			Slot: id, Version: p.ref, Instance: s.instance, Keep: keep, Gone: s.gone,
			InFlight: s.inFlight, Calls: s.calls, Busy: s.busy,
		}
		if s.calls > 0 {
			u.LastCall = s.last
		}
		s.calls, s.busy = 0, 0
		if !keep {
			delete(p.slots, id)
		}
		used = append(used, u)
	}
	return used
}

// report tells the owner and takes up the slots' new ends.
func (p *pool) report(ctx context.Context, used []fc.Usage) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	extended, err := p.router.owner(p.ref).Report(ctx, p.router.cfg.Router, used)
	if err != nil {
		p.router.log.Warn("use of slots not reported", "function", p.ref, "err", err)
		return // slots end at their Until; what runs goes on
	}
	until := make(map[string]time.Time, len(extended))
	for _, e := range extended {
		until[e.ID] = e.Until
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range used {
		s, held := p.slots[u.Slot]
		if !held {
			continue
		}
		if end, ok := until[u.Slot]; ok {
			s.until = end
			p.list(s, now)
		} else if u.Keep {
			s.dropped = true // the owner does not know it any more
		}
	}
}

// retireIfEmpty takes the pool out of use if nobody would notice.
func (p *pool) retireIfEmpty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = len(p.slots) == 0 && len(p.waiters) == 0 && p.asked == 0
	return p.retired
}
