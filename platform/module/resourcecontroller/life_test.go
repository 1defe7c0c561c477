package resourcecontroller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

func (w *world) stops() int { _, n := w.nodes[0].Counts(); return n }

func TestIdle(t *testing.T) {
	timed(t, "an idle instance is stopped and its room given back", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.giveBack(t, "r", w.acquire(t, v, "r", 1)...)
		time.Sleep(59 * time.Second)
		if w.stops() != 0 {
			t.Fatal("stopped before its time")
		}
		time.Sleep(5 * time.Second)
		if w.stops() != 1 || w.room.Leased() != 0 {
			t.Errorf("%d stopped, %d leases stand", w.stops(), w.room.Leased())
		}
		time.Sleep(11 * time.Minute)
		if n := len(w.Snapshot()); n != 0 {
			t.Errorf("%d functions are still remembered", n)
		}
	})
	timed(t, "a function's own idle timeout wins", 10, nil, func(t *testing.T, w *world) {
		v := fctest.Version("f", 1)
		v.IdleTimeout = 5 * time.Second
		w.giveBack(t, "r", w.acquire(t, w.versions.Put(v), "r", 1)...)
		time.Sleep(7 * time.Second)
		if w.stops() != 1 {
			t.Error("still there")
		}
	})
	timed(t, "an instance with calls on it is not idle", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		u := usage(w.acquire(t, v, "r", 1)[0])
		u.Keep, u.InFlight = true, 1
		for range 20 {
			time.Sleep(10 * time.Second)
			if kept, _ := w.Report(t.Context(), "r", []fc.Usage{u}); len(kept) != 1 {
				t.Fatal("not kept")
			}
		}
		if w.stops() != 0 {
			t.Error("stopped under a call")
		}
	})
	timed(t, "of several the busy ones stay", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.wait(t.Context(), v, "r", 3)
		time.Sleep(35 * time.Second) // the slots of the burst have ended
		for range 20 {
			time.Sleep(10 * time.Second)
			w.giveBack(t, "r", w.acquire(t, v, "r", 1)...)
		}
		if n := len(w.f().Instances); n != 1 || w.stops() != 2 {
			t.Errorf("%d run, %d were stopped", n, w.stops())
		}
	})
}

func TestChanges(t *testing.T) {
	update := func(w *world, revision int64) *fc.Version {
		v := fctest.Version("f", 1)
		v.Revision = revision
		w.versions.Put(v)
		w.Changed(fctest.Account, "f")
		return v
	}
	timed(t, "a free instance of a replaced version stops at once", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.giveBack(t, "r", w.acquire(t, v, "r", 1)...)
		next := update(w, 2)
		synctest.Wait()
		if w.stops() != 1 {
			t.Error("still there")
		}
		if _, err := w.Acquire(t.Context(), w.want(v, "r", 1)); !errors.Is(err, fc.ErrStale) {
			t.Errorf("old version: %v", err)
		}
		w.acquire(t, next, "r", 1)
	})
	timed(t, "one in use stops when its slots have come back", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		s := w.acquire(t, v, "r", 1)[0]
		update(w, 2)
		synctest.Wait()
		u := usage(s)
		u.Keep, u.InFlight = true, 1
		kept, _ := w.Report(t.Context(), "r", []fc.Usage{u})
		if w.stops() != 0 || len(kept) != 0 {
			t.Errorf("%d stopped, kept %v", w.stops(), kept)
		}
		w.giveBack(t, "r", s)
		synctest.Wait()
		if w.stops() != 1 {
			t.Error("still there")
		}
	})
	timed(t, "or when they have ended", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.acquire(t, v, "r", 1)
		update(w, 2)
		time.Sleep(33 * time.Second)
		if w.stops() != 1 {
			t.Error("still there")
		}
	})
	timed(t, "those who wait for a replaced version hear of it, and its start is broken off", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.nodes[0].Script(takes(time.Minute))
		o := w.wait(t.Context(), v, "r", 2)
		update(w, 2)
		synctest.Wait()
		if o.failed.Load() != 2 || !errors.Is(o.err(), fc.ErrStale) {
			t.Errorf("%d failed with %v", o.failed.Load(), o.err())
		}
		time.Sleep(time.Minute)
		if n := len(w.nodes[0].Instances()); n != 0 {
			t.Errorf("%d instances run", n)
		}
	})
	timed(t, "a deleted function leaves nothing", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.giveBack(t, "r", w.acquire(t, v, "r", 1)...)
		w.versions.Delete("f")
		w.Changed(fctest.Account, "f")
		time.Sleep(3 * time.Second)
		if len(w.nodes[0].Instances()) != 0 || len(w.Snapshot()) != 0 {
			t.Errorf("%v run, %v known", w.nodes[0].Instances(), w.Snapshot())
		}
	})
	timed(t, "a change of something else touches nothing", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.giveBack(t, "r", w.acquire(t, v, "r", 1)...)
		w.Changed(fctest.Account, "f")
		synctest.Wait()
		if w.stops() != 0 {
			t.Error("stopped")
		}
	})
}

func TestNodes(t *testing.T) {
	timed(t, "an exit is noticed at once, and those who wait get another instance", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		s := w.acquire(t, v, "r", 1)[0]
		w.nodes[0].Exit(s.Instance, "exited")
		synctest.Wait()
		if n := len(w.f().Instances); n != 0 {
			t.Fatalf("%d instances are thought to run", n)
		}
		began := time.Now()
		if again := w.acquire(t, v, "r", 1)[0]; again.Instance == s.Instance || time.Since(began) > 0 {
			t.Errorf("got %+v after %v", again, time.Since(began))
		}
	})
	t.Run("what runs at the start is adopted, leased and used; what is no more is stopped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			node := fctest.NewNode("n1")
			env := fctest.OwnerEnv{Versions: new(fctest.Versions), Node: node, Room: fctest.NewRoom(10, node)}
			v := env.Versions.Put(fctest.Version("f", 1))
			node.Add("c-here", v, time.Second)
			node.Add("c-stale", fctest.Version("deleted", 1), time.Second)
			w := open(t, env, nil)
			synctest.Wait()
			if got := node.Instances(); len(got) != 1 || got[0] != "c-here" {
				t.Fatalf("%v run", got)
			}
			if s := w.acquire(t, v, "r", 1)[0]; s.Instance != "c-here" {
				t.Errorf("got %+v", s)
			}
			time.Sleep(6 * time.Second)
			if env.Room.Leased() != 1 {
				t.Errorf("%d leases", env.Room.Leased())
			}
		})
	})
	t.Run("an owner leaves alone what it does not own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			node := fctest.NewNode("n1")
			env := fctest.OwnerEnv{Versions: new(fctest.Versions), Node: node, Room: fctest.NewRoom(10, node)}
			v := fctest.Version("f", 1)
			node.Add("c-other", v, time.Second)
			w := open(t, env, func(_ *Config, d *Deps) { d.Owns = func(string, string) bool { return false } })
			synctest.Wait()
			if _, err := w.Acquire(t.Context(), w.want(v, "r", 1)); !errors.Is(err, fc.ErrNotOwner) {
				t.Errorf("got %v", err)
			}
			if len(node.Instances()) != 1 || len(w.Snapshot()) != 0 {
				t.Error("touched")
			}
		})
	})
	t.Run("a lost node takes its instances and its starts with it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := fctest.NewNode("a"), fctest.NewNode("b")
			env := fctest.OwnerEnv{Versions: new(fctest.Versions), Node: a, Room: fctest.NewRoom(10, a, b)}
			v := env.Versions.Put(fctest.Version("f", 1))
			a.Script(takes(time.Hour))
			w := open(t, env, func(c *Config, _ *Deps) { c.Spare = 0 })
			o := w.wait(t.Context(), v, "r", 2) // one on each
			if o.served.Load() != 1 {
				t.Fatalf("%d served", o.served.Load())
			}
			env.Room.Lose("a")
			time.Sleep(15 * time.Second)
			synctest.Wait()
			if o.served.Load() != 2 {
				t.Errorf("%d served, %v", o.served.Load(), o.err())
			}
			env.Room.Lose("b")
			time.Sleep(15 * time.Second)
			if n := len(w.f().Instances); n != 0 {
				t.Errorf("%d instances on lost nodes", n)
			}
		})
	})
}

func TestRoom(t *testing.T) {
	timed(t, "a second cold call finds its lease in stock", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.acquire(t, v, "r", 1)
		synctest.Wait()
		asked := w.room.Asked()
		w.room.Down(fc.ErrUnavailable) // nobody to ask
		w.acquire(t, v, "r", 1)
		w.acquire(t, v, "r", 1)
		if w.room.Leased() != 3 || w.room.Asked() < asked {
			t.Errorf("%d leases", w.room.Leased())
		}
	})
	timed(t, "stock that is not used goes back", 10, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.acquire(t, v, "r", 1)
		synctest.Wait()
		if w.room.Leased() != 3 {
			t.Errorf("%d leases", w.room.Leased())
		}
		time.Sleep(40 * time.Second)
		if w.room.Leased() != 1 {
			t.Errorf("%d leases", w.room.Leased())
		}
	})
	timed(t, "stock and idle instances make room for others", 2, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		other := w.versions.Put(fctest.Version("g", 1))
		third := fctest.Version("h", 1)
		third.MemoryMB = 512
		w.versions.Put(third)
		slots := w.acquire(t, v, "r", 1)
		w.giveBack(t, "r", slots...)
		w.acquire(t, third, "r", 1) // takes what was stock of another kind
		w.acquire(t, other, "r", 1) // takes the place of f
		if len(w.f().Instances) != 0 || w.stops() != 1 {
			t.Errorf("%d of f run, %d stopped", len(w.f().Instances), w.stops())
		}
		if _, err := w.Acquire(t.Context(), w.want(v, "r", 1)); !errors.Is(err, fc.ErrNoCapacity) {
			t.Errorf("with all in use: %v", err)
		}
	})
	timed(t, "instances outlive the loss of their leases and get new ones", 10, func(c *Config, _ *Deps) { c.Spare = 0 }, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		w.acquire(t, v, "r", 1)
		_ = w.room.Release(t.Context(), "o1", []string{"o1-1"}) // as a new manager would not know it
		time.Sleep(11 * time.Second)
		if len(w.f().Instances) != 1 || w.room.Leased() != 1 {
			t.Errorf("%d run with %d leases", len(w.f().Instances), w.room.Leased())
		}
	})
}

func TestEndOfRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := fctest.NewNode("n1")
		room := fctest.NewRoom(10, node)
		versions := new(fctest.Versions)
		v := versions.Put(fctest.Version("f", 1))
		c, err := New(Default(), Deps{ID: "o1", Resolve: versions.Resolve, Capacity: room, Nodes: room, Node: room.Node})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		w := &world{Controller: c, versions: versions, nodes: []*fctest.Node{node}, room: room}
		w.acquire(t, v, "r", 1)
		node.Script(takes(time.Hour))
		o := w.wait(t.Context(), v, "r", 3)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if o.failed.Load() != 3 || !errors.Is(o.err(), fc.ErrUnavailable) {
			t.Errorf("%d of those who waited failed with %v", o.failed.Load(), o.err())
		}
		if len(node.Instances()) != 1 {
			t.Error("the running instance was not left to the next owner")
		}
		if _, err := c.Acquire(t.Context(), w.want(v, "r", 1)); !errors.Is(err, fc.ErrUnavailable) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, 10, nil)
	v := w.versions.Put(fctest.Version("f", 1))
	w.acquire(t, v, "r", 1)
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	if got["fc_owner_granted_rights"] != 1 || got["fc_owner_instances"] != 1 || got["fc_owner_instance_start_seconds"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestHopelessRequestsEvictNobody(t *testing.T) {
	timed(t, "what no node could ever run does not drive out idle instances", 1, nil, func(t *testing.T, w *world) {
		v := w.versions.Put(fctest.Version("f", 1))
		huge := fctest.Version("huge", 1)
		huge.MemoryMB = 1 << 30
		w.versions.Put(huge)
		w.giveBack(t, "r", w.acquire(t, v, "r", 1)...)
		if _, err := w.Acquire(t.Context(), w.want(huge, "r", 1)); !errors.Is(err, fc.ErrNoCapacity) {
			t.Errorf("got %v", err)
		}
		if w.stops() != 0 {
			t.Error("an idle instance had to go")
		}
	})
}
