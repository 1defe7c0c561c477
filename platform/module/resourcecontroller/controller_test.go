package resourcecontroller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

// world is a controller with all it needs around it.
type world struct {
	*Controller
	versions *fctest.Versions
	nodes    []*fctest.Node
	room     *fctest.Room
	metrics  *prometheus.Registry
}

func open(t testing.TB, env fctest.OwnerEnv, change func(*Config, *Deps)) *world {
	t.Helper()
	w := &world{versions: env.Versions, nodes: []*fctest.Node{env.Node}, room: env.Room, metrics: prometheus.NewPedanticRegistry()}
	cfg, deps := Default(), Deps{
		ID: "o1", Resolve: env.Versions.Resolve, Capacity: env.Room, Nodes: env.Room, Node: env.Room.Node, Metrics: w.metrics,
	}
	if change != nil {
		change(&cfg, &deps)
	}
	c, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	w.Controller = c
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func newWorld(t testing.TB, limit int, change func(*Config, *Deps)) *world {
	node := fctest.NewNode("n1")
	return open(t, fctest.OwnerEnv{Versions: new(fctest.Versions), Node: node, Room: fctest.NewRoom(limit, node)}, change)
}

func TestContract(t *testing.T) {
	fctest.TestOwner(t, func(t *testing.T, env fctest.OwnerEnv) fc.Owner { return open(t, env, nil) })
}

func (w *world) want(v *fc.Version, router string, slots int) fc.Want {
	return fc.Want{Version: v.Ref(), Router: router, Slots: slots}
}

// acquire fails the test unless it gets slots.
func (w *world) acquire(t *testing.T, v *fc.Version, router string, slots int) []fc.Slot {
	t.Helper()
	got, err := w.Acquire(t.Context(), w.want(v, router, slots))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wait starts n Acquire calls of one slot and counts how they end.
func (w *world) wait(ctx context.Context, v *fc.Version, router string, n int) *outcome {
	o := new(outcome)
	for range n {
		go func() {
			_, err := w.Acquire(ctx, w.want(v, router, 1))
			if err == nil {
				o.served.Add(1)
			} else {
				o.failed.Add(1)
				o.last.Store(err)
			}
		}()
	}
	synctest.Wait()
	return o
}

type outcome struct {
	served, failed atomic.Int32
	last           atomic.Value
}

func (o *outcome) err() error { err, _ := o.last.Load().(error); return err }

func usage(s fc.Slot) fc.Usage {
	return fc.Usage{Slot: s.ID, Version: s.Version, Instance: s.Instance}
}

func (w *world) giveBack(t *testing.T, router string, slots ...fc.Slot) {
	t.Helper()
	for _, s := range slots {
		if _, err := w.Report(context.Background(), router, []fc.Usage{usage(s)}); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) starts() int { n, _ := w.nodes[0].Counts(); return n }

func (w *world) f() FunctionState { return w.Snapshot().Of(fctest.Account, "f") }

func takes(d time.Duration) func(int, *fc.Version) (time.Duration, error) {
	return func(int, *fc.Version) (time.Duration, error) { return d, nil }
}

// timed runs one test in a bubble of its own time.
func timed(t *testing.T, name string, limit int, change func(*Config, *Deps), do func(t *testing.T, w *world)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, limit, change)
			synctest.Wait() // it watches the node
			do(t, w)
		})
	})
}

func TestGrants(t *testing.T) {
	timed(t, "one router alone gets all rights of an instance", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 20))
		if s := w.acquire(t, v, "r1", 1); len(s) != 1 || s[0].Rights != 20 {
			t.Errorf("got %+v", s)
		}
	})
	timed(t, "of two routers each gets its share", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 20))
		w.giveBack(t, "r1", w.acquire(t, v, "r1", 1)...)
		if s := w.acquire(t, v, "r2", 1); s[0].Rights != 10 {
			t.Errorf("got %+v", s)
		}
		if s := w.acquire(t, v, "r1", 1); s[0].Rights != 10 {
			t.Errorf("got %+v", s)
		}
	})
	timed(t, "a large want is met from several instances", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 2))
		w.nodes[0].Script(takes(30 * time.Millisecond))
		o := w.wait(t.Context(), v, "r1", 6)
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		if o.served.Load() != 6 || w.starts() != 3 {
			t.Fatalf("%d served by %d starts", o.served.Load(), w.starts())
		}
		time.Sleep(32 * time.Second) // the slots have ended
		n := 0
		for _, s := range w.acquire(t, v, "r1", 5) {
			n += s.Rights
		}
		if n < 5 || n > 6 {
			t.Errorf("got %d rights", n)
		}
	})
	timed(t, "rights that nobody reports are free again after their time", 1, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.acquire(t, v, "r1", 1)
		began := time.Now()
		w.acquire(t, v, "r2", 1)
		if waited := time.Since(began); waited < 30*time.Second || waited > 32*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
	timed(t, "a slot kept by reports lasts, one that idles while others wait does not", 1, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		s := w.acquire(t, v, "r1", 1)[0]
		u := usage(s)
		u.Keep, u.InFlight = true, 1
		for range 5 {
			time.Sleep(20 * time.Second)
			if kept, _ := w.Report(t.Context(), "r1", []fc.Usage{u}); len(kept) != 1 {
				t.Fatal("not kept")
			}
		}
		o := w.wait(t.Context(), v, "r2", 1)
		u.InFlight = 0
		for range 3 {
			time.Sleep(15 * time.Second)
			_, _ = w.Report(t.Context(), "r1", []fc.Usage{u})
		}
		synctest.Wait()
		if o.served.Load() != 1 {
			t.Error("an idle slot was kept from one who waits")
		}
	})
	timed(t, "routers are served in turn", 1, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		s := w.acquire(t, v, "r0", 1)
		many := w.wait(t.Context(), v, "r1", 10)
		one := w.wait(t.Context(), v, "r2", 1)
		w.giveBack(t, "r0", s...)
		synctest.Wait()
		if many.served.Load() != 1 {
			t.Fatalf("r1 has %d", many.served.Load())
		}
		for id := range w.slotsOf(v, "r1") {
			w.giveBack(t, "r1", fc.Slot{ID: id, Version: v.Ref()})
		}
		synctest.Wait()
		if one.served.Load() != 1 {
			t.Error("r2 waits behind all of r1")
		}
	})
	timed(t, "a full queue is ErrBusy, for this function alone", 1, func(c *Config, _ *Deps) { c.QueueLimit = 5 }, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.acquire(t, v, "r", 1)
		o := w.wait(t.Context(), v, "r", 5)
		if _, err := w.Acquire(t.Context(), w.want(v, "r2", 1)); !errors.Is(err, fc.ErrBusy) {
			t.Errorf("got %v", err)
		}
		if o.failed.Load() > 0 {
			t.Error(o.err())
		}
	})
	timed(t, "a caller that goes away frees its place", 1, func(c *Config, _ *Deps) { c.QueueLimit = 5 }, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.acquire(t, v, "r", 1)
		ctx, cancel := context.WithCancel(t.Context())
		o := w.wait(ctx, v, "r", 5)
		cancel()
		synctest.Wait()
		if o.failed.Load() != 5 || !errors.Is(o.err(), context.Canceled) || w.f().Waiting != 0 {
			t.Errorf("%d failed with %v, %d wait", o.failed.Load(), o.err(), w.f().Waiting)
		}
	})
}

// slotsOf tells which slots a router has.
func (w *world) slotsOf(v *fc.Version, router string) map[string]int {
	f := w.known(name{v.Account, v.Name})
	defer f.mu.Unlock()
	out := map[string]int{}
	for _, s := range f.fleets[v.Ref()].slots {
		if s.router == router {
			out[s.id] = s.rights
		}
	}
	return out
}

func TestStarts(t *testing.T) {
	timed(t, "nothing known: one start for every waiting call, all at once", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(takes(30 * time.Millisecond))
		began := time.Now()
		o := w.wait(t.Context(), v, "r", 16)
		if w.starts() != 16 {
			t.Errorf("%d starts", w.starts())
		}
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		if o.served.Load() != 16 || time.Since(began) > 31*time.Millisecond {
			t.Errorf("%d served after %v", o.served.Load(), time.Since(began))
		}
	})
	timed(t, "concurrency is made use of", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 8))
		w.nodes[0].Script(takes(30 * time.Millisecond))
		o := w.wait(t.Context(), v, "r", 16)
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		if o.served.Load() != 16 || w.starts() != 2 {
			t.Errorf("%d served by %d starts", o.served.Load(), w.starts())
		}
	})
	timed(t, "calls known to be short do not start what would come too late", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(takes(30 * time.Millisecond))
		s := w.acquire(t, v, "r", 1)[0]
		u := usage(s)
		u.Calls, u.Busy, u.Keep, u.InFlight = 1000, time.Second, true, 1
		_, _ = w.Report(t.Context(), "r", []fc.Usage{u})
		w.wait(t.Context(), v, "r", 64)
		if n := w.starts(); n > 3 {
			t.Errorf("%d starts for 64 calls of 1 ms", n)
		}
	})
	timed(t, "calls that turn out to be long correct the estimate", 100, func(c *Config, _ *Deps) { c.MaxStarting = 100 }, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(takes(30 * time.Millisecond))
		s := w.acquire(t, v, "r", 1)[0]
		u := usage(s)
		u.Calls, u.Busy, u.Keep, u.InFlight = 1000, time.Second, true, 1
		_, _ = w.Report(t.Context(), "r", []fc.Usage{u})
		o := w.wait(t.Context(), v, "r", 20)
		time.Sleep(3 * time.Second) // no call ends
		synctest.Wait()
		if o.served.Load() != 20 {
			t.Errorf("%d of 20 served", o.served.Load())
		}
	})
	timed(t, "a router without any right gets one after the time of a start", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(takes(30 * time.Millisecond))
		s := w.acquire(t, v, "r1", 1)[0]
		u := usage(s)
		u.Calls, u.Busy, u.Keep, u.InFlight = 1000, time.Second, true, 1
		_, _ = w.Report(t.Context(), "r1", []fc.Usage{u})
		began := time.Now()
		w.acquire(t, v, "r2", 1)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
	timed(t, "the instance limit holds, and the queue is served by what there is", 100, func(c *Config, _ *Deps) { c.InstanceLimit = 3 }, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		o := w.wait(t.Context(), v, "r", 10)
		time.Sleep(2 * time.Minute) // slots end, the next ones are served
		synctest.Wait()
		if w.starts() != 3 || o.served.Load() != 10 {
			t.Errorf("%d starts, %d served", w.starts(), o.served.Load())
		}
	})
	timed(t, "starts at a time are limited", 100, func(c *Config, _ *Deps) { c.MaxStarting = 4 }, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(takes(time.Second))
		o := w.wait(t.Context(), v, "r", 10)
		if w.starts() != 4 {
			t.Errorf("%d starts", w.starts())
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if o.served.Load() != 10 {
			t.Errorf("%d served", o.served.Load())
		}
	})
}

func TestFailingStarts(t *testing.T) {
	broken := &fc.Failure{ErrorType: fc.UnhandledInvocationError, Message: "exited with 1"}
	timed(t, "all who wait get the failure if nothing else can serve them", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(func(int, *fc.Version) (time.Duration, error) { return time.Second, broken })
		o := w.wait(t.Context(), v, "r", 5)
		time.Sleep(time.Second)
		synctest.Wait()
		var f *fc.Failure
		if o.failed.Load() != 5 || !errors.As(o.err(), &f) {
			t.Errorf("%d failed with %v", o.failed.Load(), o.err())
		}
	})
	timed(t, "a version that fails is tried one instance at a time", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(func(int, *fc.Version) (time.Duration, error) { return time.Second, broken })
		_, _ = w.Acquire(t.Context(), w.want(v, "r", 1))
		w.wait(t.Context(), v, "r", 5)
		if w.starts() != 2 {
			t.Errorf("%d starts", w.starts())
		}
		time.Sleep(time.Second)
		synctest.Wait()
	})
	timed(t, "those who came after it began are not told of a failed start", 100, func(c *Config, _ *Deps) { c.MaxStarting = 1 }, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(func(nth int, _ *fc.Version) (time.Duration, error) {
			if nth == 1 {
				return time.Second, broken
			}
			return 0, nil
		})
		first := w.wait(t.Context(), v, "r", 1)
		time.Sleep(500 * time.Millisecond)
		late := w.wait(t.Context(), v, "r", 1)
		time.Sleep(600 * time.Millisecond)
		synctest.Wait()
		if first.failed.Load() != 1 || late.served.Load() != 1 {
			t.Errorf("first: %v, late: %v", first.err(), late.err())
		}
	})
	timed(t, "if only one can come up, it serves all, and starts rest longer and longer", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(func(nth int, _ *fc.Version) (time.Duration, error) {
			if nth > 1 {
				return 10 * time.Millisecond, broken
			}
			return 10 * time.Millisecond, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var served atomic.Int32
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for ctx.Err() == nil {
					slots, err := w.Acquire(ctx, w.want(v, "r", 1))
					if err != nil {
						if ctx.Err() == nil {
							t.Error(err)
						}
						return
					}
					time.Sleep(20 * time.Millisecond)
					served.Add(1)
					w.giveBack(t, "r", slots...)
				}
			})
		}
		time.Sleep(10 * time.Second)
		cancel()
		callers.Wait()
		if served.Load() < 400 || w.starts() > 25 {
			t.Errorf("%d served, %d starts", served.Load(), w.starts())
		}
	})
	timed(t, "a node's own error is tried again before callers hear of it", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(func(nth int, _ *fc.Version) (time.Duration, error) {
			if nth < 3 {
				return 0, errors.New("disk full")
			}
			return 0, nil
		})
		w.acquire(t, v, "r", 1)
		w.nodes[0].Script(func(int, *fc.Version) (time.Duration, error) { return 0, errors.New("disk full") })
		w.nodes[0].Exit(w.f().Instances[0].ID, "exited")
		synctest.Wait()
		if _, err := w.Acquire(t.Context(), w.want(v, "r", 1)); !errors.Is(err, fc.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
	timed(t, "no answer about room is waited out for a while", 100, func(c *Config, _ *Deps) { c.Spare = 0 }, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.room.Down(fmt.Errorf("no leader: %w", fc.ErrUnavailable))
		o := w.wait(t.Context(), v, "r", 1)
		time.Sleep(3 * time.Second)
		w.room.Down(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if o.served.Load() != 1 {
			t.Errorf("not served: %v", o.err())
		}
		w.room.Down(fmt.Errorf("no leader: %w", fc.ErrUnavailable))
		o = w.wait(t.Context(), v, "r2", 1)
		time.Sleep(40 * time.Second) // one instance runs: its slot ends
		synctest.Wait()
		if o.served.Load() != 1 {
			t.Errorf("not served by what runs: %v", o.err())
		}
	})
	timed(t, "and then callers hear of it", 100, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.room.Down(fmt.Errorf("no leader: %w", fc.ErrUnavailable))
		began := time.Now()
		_, err := w.Acquire(t.Context(), w.want(v, "r", 1))
		if !errors.Is(err, fc.ErrUnavailable) || time.Since(began) > 6*time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}
