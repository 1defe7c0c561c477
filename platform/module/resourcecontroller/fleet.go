package resourcecontroller

import (
	"context"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// name is an account and a function of it.
type name struct{ account, function string }

// function is what the controller keeps of one function while it is in use. Everything
// reachable from it is guarded by mu, fleets and what they hold included.
type function struct {
	name name

	mu      sync.Mutex
	closed  bool // out of the table: ask the table again
	changes int  // how often Changed was called
	seq     uint64
	fleets  map[fc.VersionRef]*fleet
	tick    *time.Timer // runs while calls wait
	ticking bool
}

// waiting counts the Acquire calls that wait, all versions together.
func (f *function) waiting() int {
	n := 0
	for _, l := range f.fleets {
		n += l.queue.length
	}
	return n
}

// instances counts what runs or starts, all versions together. What is on its way out
// and what was replaced do not count: they would hold up the next version.
func (f *function) instances() int {
	n := 0
	for _, l := range f.fleets {
		if !l.old {
			n += len(l.instances) + len(l.starting)
		}
	}
	return n
}

// fleet is the instances of one version, the slots granted on them, and who waits.
//
//	starting ──► instances ──► stopping ──► gone
type fleet struct {
	ref     fc.VersionRef
	version *fc.Version
	kind    kind
	old     bool // replaced or deleted: no new slots

	instances []*instance // that take calls
	starting  map[fc.InstanceID]*start
	stopping  map[fc.InstanceID]*instance
	slots     map[string]*slot
	queue     queue
	routers   map[string]*standingRouter

	service    average
	startTook  average
	upSince    time.Time // when it last had no instance before
	calls      time.Time // when a call was last reported to have ended
	failures   int       // starts failed in a row
	failedSeq  uint64    // the last waiter that was there when one of those began
	holdUntil  time.Time // no starts before, unless nothing is up
	blockUntil time.Time // no starts before at all
	cached     []fc.NodeID
	used       time.Time

	ctx    context.Context // of its starts; ends when the version is replaced
	cancel context.CancelFunc
}

// standingRouter is what a fleet knows of a router that has asked.
type standingRouter struct {
	seen   time.Time
	rights int
}

// instance is one that runs, or is on its way out.
type instance struct {
	fc.Instance
	lease   fc.Lease // no ID: the room it takes is not leased
	granted int      // rights in slots that have not ended
	used    time.Time
	seen    time.Time // when its node last told of it
}

func (i *instance) free() int { return i.Concurrency - i.granted }

// start is an instance on its way.
type start struct {
	id    fc.InstanceID
	began time.Time
	seq   uint64    // of the last waiter that was there
	node  fc.NodeID // set before it reaches its node
	lease fc.Lease  // guarded, unlike the rest: it is renewed
	gone  bool      // its node has already told of its end
}

// slot is a right that was granted.
type slot struct {
	id     string
	router string
	inst   *instance
	rights int
	until  time.Time
	stuck  time.Time // since then calls run and none has ended; zero: no such
}

func newFleet(v *fc.Version, ref fc.VersionRef) *fleet {
	l := &fleet{
		ref: ref, version: v, kind: kindOf(v),
		starting: map[fc.InstanceID]*start{},
		stopping: map[fc.InstanceID]*instance{},
		slots:    map[string]*slot{},
		routers:  map[string]*standingRouter{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *fleet) free() int {
	n := 0
	for _, i := range l.instances {
		n += i.free()
	}
	return n
}

// grant issues slots to router, about asked rights, while others wait besides; nil if
// no right is free.
func (l *fleet) grant(router string, asked, others int, now time.Time, g granter) []fc.Slot {
	r := l.router(router, now)
	bulk := others == 0
	if !bulk {
		asked = max(1, min(asked, l.free()/(others+1)))
	}
	var out []fc.Slot
	for asked > 0 {
		i := choose(l.instances)
		if i == nil {
			break
		}
		n := asked
		if bulk {
			n = share(asked, i.Concurrency, len(l.routers))
		}
		n = min(n, i.free())
		s := &slot{id: g.slotID(), router: router, inst: i, rights: n, until: now.Add(g.cfg.GrantFor)}
		l.slots[s.id] = s
		i.granted += n
		i.used = now
		r.rights += n
		asked -= n
		out = append(out, l.face(s))
	}
	l.used = now
	return out
}

func (l *fleet) router(id string, now time.Time) *standingRouter {
	r := l.routers[id]
	if r == nil {
		r = new(standingRouter)
		l.routers[id] = r
	}
	r.seen = now
	return r
}

// face is what others see of s.
func (l *fleet) face(s *slot) fc.Slot {
	return fc.Slot{
		ID: s.id, Version: l.ref, Instance: s.inst.ID, Node: s.inst.Node,
		Rights: s.rights, Until: s.until,
	}
}

// serve grants what is free to those who wait, in turn.
func (l *fleet) serve(now time.Time, g granter) {
	for l.queue.length > 0 && !l.old && choose(l.instances) != nil {
		w := l.queue.pop()
		w.done <- answer{slots: l.grant(w.router, w.want, l.queue.length, now, g)}
	}
}

// end takes back what s granted.
func (l *fleet) end(s *slot) {
	if _, there := l.slots[s.id]; !there {
		return
	}
	delete(l.slots, s.id)
	s.inst.granted -= s.rights
	if r := l.routers[s.router]; r != nil {
		r.rights -= s.rights
	}
}

// expire takes back what was neither extended nor returned in time.
func (l *fleet) expire(now time.Time, grace time.Duration) {
	for _, s := range l.slots {
		if now.After(s.until.Add(grace)) {
			l.end(s)
		}
	}
}

// join puts i among those that take calls.
func (l *fleet) join(i *instance, now time.Time) {
	if len(l.instances) == 0 {
		l.upSince = now
	}
	l.instances = append(l.instances, i)
	l.used = now
	l.onNode(i.Node)
}

// leave takes i out of those that take calls; its slots are void.
func (l *fleet) leave(i *instance) {
	for n, j := range l.instances {
		if i == j {
			l.instances = append(l.instances[:n], l.instances[n+1:]...)
			break
		}
	}
	for _, s := range l.slots {
		if s.inst == i {
			l.end(s)
		}
	}
}

func (l *fleet) instance(id fc.InstanceID) *instance {
	for _, i := range l.instances {
		if i.ID == id {
			return i
		}
	}
	return nil
}

// keepFor is how long an idle instance is kept.
func (l *fleet) keepFor(usual time.Duration) time.Duration {
	if d := l.version.IdleTimeout; d > 0 {
		return d
	}
	return usual
}

// onNode remembers that n has the code, the latest first.
func (l *fleet) onNode(n fc.NodeID) {
	const most = 8
	if len(l.cached) > 0 && l.cached[0] == n {
		return
	}
	kept := []fc.NodeID{n}
	for _, m := range l.cached {
		if m != n && len(kept) < most {
			kept = append(kept, m)
		}
	}
	l.cached = kept
}

// offNode forgets n, because it is gone or fails.
func (l *fleet) offNode(n fc.NodeID) {
	var kept []fc.NodeID
	for _, m := range l.cached {
		if m != n {
			kept = append(kept, m)
		}
	}
	l.cached = kept
}

// demand is what scale needs to know. room is what the function may still start.
func (l *fleet) demand(now time.Time, room int, cfg Config) demand {
	d := demand{
		Waiting: l.queue.wanted, Running: len(l.instances), Starting: len(l.starting),
		Concurrency: max(l.version.Concurrency, 1), Room: room, Parallel: cfg.MaxStarting,
		Service: l.service.value, Start: l.startTook.value,
		Failing: l.failures > 0, Held: now.Before(l.holdUntil), Blocked: now.Before(l.blockUntil),
	}
	if d.Waiting == 0 || d.Start == 0 {
		return d
	}
	// What is still to be started after the first wave can wait for the first report.
	const learnFor = 50 * time.Millisecond
	d.Learning = d.Service == 0 && d.Running > 0 && now.Sub(l.upSince) < min(d.Start, learnFor)
	// An estimate that no call has confirmed while others wait is worth nothing.
	if d.Running > 0 && now.Sub(l.calls) > max(2*time.Second, 2*d.Start) && now.Sub(l.oldest()) > d.Start {
		d.Service = 0
	}
	d.Overdue = l.queue.overdue(now.Add(-d.Start), func(router string) bool {
		return l.routers[router] == nil || l.routers[router].rights == 0
	})
	return d
}

// oldest is since when the first of those who wait has waited.
func (l *fleet) oldest() time.Time {
	var t time.Time
	for _, n := range l.queue.lines {
		if w := n.waiters.Front().Value.(*waiter); t.IsZero() || w.since.Before(t) {
			t = w.since
		}
	}
	return t
}

// empty says that nothing of it is there.
func (l *fleet) empty() bool {
	return len(l.instances)+len(l.starting)+len(l.stopping)+l.queue.length == 0
}
