package fctest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// OwnerEnv is the world of the owner under test. It owns every function.
type OwnerEnv struct {
	Versions *Versions
	Node     *Node
	Room     *Room
}

// TestOwner checks an fc.Owner. open makes one that runs until the end of t; its queue
// holds at least 100 calls. The suite runs in real time, so that it serves a wire too.
func TestOwner(t *testing.T, open func(t *testing.T, env OwnerEnv) fc.Owner) {
	test := func(name string, limit int, do func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner)) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			env := OwnerEnv{Versions: new(Versions), Node: NewNode("n1")}
			env.Room = NewRoom(limit, env.Node)
			do(t, ctx, env, open(t, env))
		})
	}
	test("a slot has all it takes to call the instance", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 3))
		s := mustAcquire(t, ctx, o, want(v, "r1", 1))[0]
		here := env.Node.Instances()
		if s.ID == "" || s.Version != v.Ref() || s.Node != "n1" || len(here) != 1 || s.Instance != here[0] {
			t.Errorf("got %+v with %v running", s, here)
		}
		if s.Rights < 1 || s.Rights > 3 || !s.Until.After(time.Now()) {
			t.Errorf("got %+v", s)
		}
	})
	test("rights given back are granted again without another start", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		for range 3 {
			giveBack(t, ctx, o, "r1", mustAcquire(t, ctx, o, want(v, "r1", 1)))
		}
		if starts, _ := env.Node.Counts(); starts != 1 {
			t.Errorf("%d starts for calls one after the other", starts)
		}
	})
	test("a burst gets an instance each and no right is granted twice", 16, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		env.Node.Script(func(int, *fc.Version) (time.Duration, error) { return 50 * time.Millisecond, nil })
		used := map[fc.InstanceID]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				slots, err := o.Acquire(ctx, want(v, "r1", 1))
				mu.Lock()
				defer mu.Unlock()
				for _, s := range slots {
					used[s.Instance] += s.Rights
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(used) != 16 {
			t.Errorf("16 calls at once run on %d instances", len(used))
		}
		for id, n := range used {
			if n != 1 {
				t.Errorf("%d rights granted on %s", n, id)
			}
		}
	})
	test("a slot that is kept is extended", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		s := mustAcquire(t, ctx, o, want(v, "r1", 1))[0]
		kept, err := o.Report(ctx, "r1", []fc.Usage{{Slot: s.ID, Version: s.Version, Instance: s.Instance, Keep: true, InFlight: 1}})
		if err != nil || len(kept) != 1 || kept[0].ID != s.ID || kept[0].Rights != s.Rights || kept[0].Until.Before(s.Until) {
			t.Errorf("got %+v, %v", kept, err)
		}
	})
	test("a slot of another router, or of nobody, is not kept", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		s := mustAcquire(t, ctx, o, want(v, "r1", 1))[0]
		kept, err := o.Report(ctx, "r2", []fc.Usage{
			{Slot: s.ID, Version: s.Version, Instance: s.Instance, Keep: true},
			{Slot: "unknown", Version: s.Version, Keep: true},
			{Slot: "unknown", Version: fc.VersionRef{Account: "1", Function: "unknown"}, Keep: true},
		})
		if err != nil || len(kept) != 0 {
			t.Errorf("got %+v, %v", kept, err)
		}
	})
	test("a start that fails is what the callers get", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		env.Node.Script(func(int, *fc.Version) (time.Duration, error) {
			return time.Millisecond, &fc.Failure{ErrorType: fc.InitializationError, Message: "no such module", Body: []byte(`{}`)}
		})
		_, err := o.Acquire(ctx, want(v, "r1", 1))
		var f *fc.Failure
		if !errors.As(err, &f) || f.ErrorType != fc.InitializationError || f.Message != "no such module" {
			t.Errorf("got %v", err)
		}
	})
	test("no room is ErrNoCapacity if nothing runs, otherwise callers wait", 1, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		other := env.Versions.Put(Version("g", 1))
		slots := mustAcquire(t, ctx, o, want(v, "r1", 1))
		if _, err := o.Acquire(ctx, want(other, "r1", 1)); !errors.Is(err, fc.ErrNoCapacity) {
			t.Errorf("with nothing running: got %v", err)
		}
		got := make(chan error, 1)
		go func() {
			_, err := o.Acquire(ctx, want(v, "r2", 1))
			got <- err
		}()
		giveBack(t, ctx, o, "r1", slots)
		if err := <-got; err != nil {
			t.Errorf("with one running: got %v", err)
		}
	})
	test("an unknown function and a replaced version are told apart", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := Version("f", 1)
		if _, err := o.Acquire(ctx, want(v, "r1", 1)); !errors.Is(err, fc.ErrNotFound) {
			t.Errorf("unknown: got %v", err)
		}
		next := Version("f", 1)
		next.Revision = 2
		env.Versions.Put(next)
		if _, err := o.Acquire(ctx, want(v, "r1", 1)); !errors.Is(err, fc.ErrStale) {
			t.Errorf("replaced: got %v", err)
		}
	})
	test("a caller that goes away leaves nothing behind", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		env.Node.Script(func(int, *fc.Version) (time.Duration, error) { return 200 * time.Millisecond, nil })
		short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
		defer cancel()
		if _, err := o.Acquire(short, want(v, "r1", 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		mustAcquire(t, ctx, o, want(v, "r1", 1))
		if starts, _ := env.Node.Counts(); starts != 1 {
			t.Errorf("%d starts; the first one should have served", starts)
		}
	})
	test("an instance that ended is replaced", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		s := mustAcquire(t, ctx, o, want(v, "r1", 1))[0]
		env.Node.Exit(s.Instance, "exited")
		if _, err := o.Report(ctx, "r1", []fc.Usage{{Slot: s.ID, Version: s.Version, Instance: s.Instance, Gone: true}}); err != nil {
			t.Fatal(err)
		}
		if again := mustAcquire(t, ctx, o, want(v, "r1", 1))[0]; again.Instance == s.Instance {
			t.Errorf("granted %s, which has ended", s.Instance)
		}
	})
	test("a want without slots is invalid", 10, func(t *testing.T, ctx context.Context, env OwnerEnv, o fc.Owner) {
		v := env.Versions.Put(Version("f", 1))
		if _, err := o.Acquire(ctx, want(v, "r1", 0)); !errors.Is(err, fc.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
}

func want(v *fc.Version, router string, slots int) fc.Want {
	return fc.Want{Version: v.Ref(), Router: router, Slots: slots}
}

func mustAcquire(t *testing.T, ctx context.Context, o fc.Owner, w fc.Want) []fc.Slot {
	t.Helper()
	slots, err := o.Acquire(ctx, w)
	if err != nil || len(slots) == 0 {
		t.Fatalf("acquire %+v: got %v, %v", w, slots, err)
	}
	return slots
}

func giveBack(t *testing.T, ctx context.Context, o fc.Owner, router string, slots []fc.Slot) {
	t.Helper()
	var used []fc.Usage
	for _, s := range slots {
		used = append(used, fc.Usage{Slot: s.ID, Version: s.Version, Instance: s.Instance})
	}
	if kept, err := o.Report(ctx, router, used); err != nil || len(kept) > 0 {
		t.Fatalf("give back: kept %v, %v", kept, err)
	}
}
