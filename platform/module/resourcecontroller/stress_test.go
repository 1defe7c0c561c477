package resourcecontroller

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

// TestStress lets routers acquire, use, keep, return and forget slots at random while
// instances exit, starts fail and functions change. At every moment no more rights are
// granted than an instance has, and in the end everybody was served.
func TestStress(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { stress(t, seed) })
		})
	}
}

func stress(t *testing.T, seed uint64) {
	a, b := fctest.NewNode("a"), fctest.NewNode("b")
	for i, n := range []*fctest.Node{a, b} {
		n.Script(func(nth int, _ *fc.Version) (time.Duration, error) {
			took := time.Duration(1+(nth*7+i)%40) * time.Millisecond
			if nth%11 == 5 {
				return took, errors.New("node trouble")
			}
			return took, nil
		})
	}
	env := fctest.OwnerEnv{Versions: new(fctest.Versions), Node: a, Room: fctest.NewRoom(24, a, b)}
	w := open(t, env, func(c *Config, _ *Deps) {
		c.GrantFor, c.Grace, c.InstanceLimit, c.IdleTimeout = 2*time.Second, 100*time.Millisecond, 10, time.Second
	})
	for i := range 3 {
		env.Versions.Put(fctest.Version(fmt.Sprintf("f%d", i), 1+i*3))
	}
	l := &ledger{granted: map[fc.InstanceID]map[string]held{}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var routers, chaos sync.WaitGroup
	for i := range 12 {
		routers.Go(func() { w.roam(t, l, fmt.Sprintf("r%d", i%4), rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	chaos.Go(func() {
		r := rand.New(rand.NewPCG(seed, 99))
		for revision := int64(2); ctx.Err() == nil; revision++ {
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			n := []*fctest.Node{a, b}[r.IntN(2)]
			if ids := n.Instances(); len(ids) > 0 {
				n.Exit(ids[r.IntN(len(ids))], "exited")
			}
			if r.IntN(5) == 0 {
				v := fctest.Version(fmt.Sprintf("f%d", r.IntN(3)), 1+r.IntN(5))
				v.Revision = revision
				env.Versions.Put(v)
				w.Changed(v.Account, v.Name)
			}
			w.check(t)
		}
	})
	routers.Wait()
	cancel()
	chaos.Wait()
	if l.served == 0 {
		t.Error("nobody was served")
	}
	time.Sleep(10 * time.Second) // all is idle and ended by now
	w.check(t)
	for _, f := range w.Snapshot() {
		if len(f.Instances)+f.Starting+f.Stopping+f.Waiting > 0 {
			t.Errorf("left behind: %+v", f)
		}
	}
	if n := len(a.Instances()) + len(b.Instances()); n > 0 {
		t.Errorf("%d instances run on", n)
	}
	time.Sleep(time.Minute)
	if n := env.Room.Leased(); n > 0 {
		t.Errorf("%d leases stand", n)
	}
}

// ledger keeps its own account of what was granted.
type ledger struct {
	mu      sync.Mutex
	granted map[fc.InstanceID]map[string]held
	served  int
}

type held struct {
	rights int
	until  time.Time
}

// took books slots and tells the most rights held on an instance with them.
func (l *ledger) took(slots []fc.Slot) (worst map[fc.InstanceID]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	worst = map[fc.InstanceID]int{}
	now := time.Now()
	for _, s := range slots {
		l.served++
		if l.granted[s.Instance] == nil {
			l.granted[s.Instance] = map[string]held{}
		}
		l.granted[s.Instance][s.ID] = held{s.Rights, s.Until}
		sum := 0
		for _, h := range l.granted[s.Instance] {
			if now.Before(h.until) {
				sum += h.rights
			}
		}
		worst[s.Instance] = max(worst[s.Instance], sum)
	}
	return worst
}

func (l *ledger) gave(s fc.Slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.granted[s.Instance], s.ID)
}

// roam is the life of one router thread.
func (w *world) roam(t *testing.T, l *ledger, router string, r *rand.Rand) {
	for range 300 {
		name := fmt.Sprintf("f%d", r.IntN(3))
		v := w.versions.Now(name)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		hurried := r.IntN(10) == 0
		if hurried {
			cancel()
			ctx, cancel = context.WithTimeout(context.Background(), time.Duration(r.IntN(20))*time.Millisecond)
		}
		slots, err := w.Acquire(ctx, fc.Want{Version: v.Ref(), Router: router, Slots: 1 + r.IntN(4)})
		cancel()
		switch {
		case err == nil:
		case errors.Is(err, fc.ErrStale), errors.Is(err, fc.ErrUnavailable), errors.Is(err, fc.ErrNoCapacity):
		case hurried && errors.Is(err, context.DeadlineExceeded):
		default:
			t.Errorf("%s waits for %s: %v", router, v.Ref(), err)
		}
		for id, n := range l.took(slots) {
			if n > v.Concurrency {
				t.Errorf("%d rights granted on %s, which has %d", n, id, v.Concurrency)
			}
		}
		for _, s := range slots {
			w.use(l, router, s, r)
		}
	}
}

// use works with one slot for a while and gives it back, or forgets it.
func (w *world) use(l *ledger, router string, s fc.Slot, r *rand.Rand) {
	for {
		time.Sleep(time.Duration(r.IntN(30)) * time.Millisecond)
		u := usage(s)
		u.Calls, u.Busy, u.LastCall = 1+r.IntN(3), time.Duration(r.IntN(20))*time.Millisecond, time.Now()
		switch r.IntN(10) {
		case 0:
			return // forgotten: it ends by itself
		case 1, 2, 3:
			u.Keep, u.InFlight = true, r.IntN(2)
			kept, _ := w.Report(context.Background(), router, []fc.Usage{u})
			if len(kept) == 0 {
				l.gave(s)
				return
			}
			l.took(kept)
		default:
			l.gave(s)
			_, _ = w.Report(context.Background(), router, []fc.Usage{u, u}) // twice: harmless
			return
		}
	}
}

// check looks for broken rules.
func (w *world) check(t *testing.T) {
	w.eachFunction(func(f *function) {
		if n := f.instances(); n > w.cfg.InstanceLimit+len(f.fleets) {
			t.Errorf("%s has %d instances", f.name.function, n)
		}
		for _, l := range f.fleets {
			sums := map[*instance]int{}
			perRouter := map[string]int{}
			for _, s := range l.slots {
				sums[s.inst] += s.rights
				perRouter[s.router] += s.rights
			}
			for _, i := range l.instances {
				if i.granted != sums[i] || i.granted > i.Concurrency {
					t.Errorf("%s: %d granted, slots have %d, concurrency is %d", i.ID, i.granted, sums[i], i.Concurrency)
				}
				delete(sums, i)
			}
			if len(sums) > 0 {
				t.Errorf("%s: slots on instances that are not there", l.ref)
			}
			for id, n := range perRouter {
				if l.routers[id] == nil || l.routers[id].rights != n {
					t.Errorf("%s: router %s has %d rights, its slots %d", l.ref, id, l.routers[id].rights, n)
				}
			}
			if l.queue.length > 0 && !l.old && l.free() > 0 {
				t.Errorf("%s: %d wait while %d rights are free", l.ref, l.queue.length, l.free())
			}
		}
	})
}
