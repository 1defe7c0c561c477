package fctest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// CapacityEnv is what the capacity under test is to have: one node in the default pool.
type CapacityEnv struct {
	Node  fc.NodeInfo
	Quota int // instances of one account
}

// TestCapacity checks an fc.Capacity. open makes one for every test.
func TestCapacity(t *testing.T, open func(t *testing.T, env CapacityEnv) fc.Capacity) {
	env := CapacityEnv{
		Node:  fc.NodeInfo{ID: "n1", MemoryMB: 1024, Instances: 6, Runtimes: []fc.Runtime{"custom"}},
		Quota: 5,
	}
	ask := func(count, memory int) fc.LeaseRequest {
		return fc.LeaseRequest{Owner: "o1", Account: Account, Runtime: "custom", MemoryMB: memory, Count: count}
	}
	test := func(name string, do func(t *testing.T, ctx context.Context, c fc.Capacity)) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			do(t, ctx, open(t, env))
		})
	}
	test("a lease names a node and ends in the future", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		l := mustLease(t, ctx, c, ask(1, 256))[0]
		if l.ID == "" || l.Node != "n1" || l.MemoryMB != 256 || !l.Until.After(time.Now()) {
			t.Errorf("got %+v", l)
		}
	})
	test("memory bounds the leases, and part of a request is granted", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		if got := mustLease(t, ctx, c, ask(4, 400)); len(got) != 2 {
			t.Errorf("1024 MiB took %d instances of 400 MiB", len(got))
		}
		wantNoCapacity(t, ctx, c, ask(1, 400))
	})
	test("the account's quota bounds the leases", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		if got := mustLease(t, ctx, c, ask(10, 1)); len(got) != 5 {
			t.Errorf("a quota of 5 gave %d leases", len(got))
		}
		wantNoCapacity(t, ctx, c, ask(1, 1))
		other := ask(1, 1)
		other.Account = "2"
		mustLease(t, ctx, c, other)
		wantNoCapacity(t, ctx, c, other) // the node's sixth instance was the last
	})
	test("a runtime that no node has finds no room", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		r := ask(1, 1)
		r.Runtime = "python3.10"
		wantNoCapacity(t, ctx, c, r)
	})
	test("a pool without nodes has no room", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		r := ask(1, 1)
		r.Pool = "elsewhere"
		wantNoCapacity(t, ctx, c, r)
	})
	test("released room is leased again, and releasing twice is harmless", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		l := mustLease(t, ctx, c, ask(1, 1024))[0]
		wantNoCapacity(t, ctx, c, ask(1, 1024))
		for range 2 {
			if err := c.Release(ctx, "o1", []string{l.ID, "unknown"}); err != nil {
				t.Fatal(err)
			}
		}
		mustLease(t, ctx, c, ask(1, 1024))
		wantNoCapacity(t, ctx, c, ask(1, 1024))
	})
	test("renewal extends what stands, and leaves out the rest", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		l := mustLease(t, ctx, c, ask(2, 1))
		if err := c.Release(ctx, "o1", []string{l[1].ID}); err != nil {
			t.Fatal(err)
		}
		got, err := c.Renew(ctx, "o1", []string{l[0].ID, l[1].ID, "unknown"})
		if err != nil || len(got) != 1 || got[0].ID != l[0].ID || got[0].Until.Before(l[0].Until) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	test("nobody renews or releases the leases of another owner", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		l := mustLease(t, ctx, c, ask(1, 1024))[0]
		if got, err := c.Renew(ctx, "o2", []string{l.ID}); err != nil || len(got) > 0 {
			t.Errorf("renewed %+v, %v", got, err)
		}
		if err := c.Release(ctx, "o2", []string{l.ID}); err != nil {
			t.Fatal(err)
		}
		wantNoCapacity(t, ctx, c, ask(1, 1024))
	})
	test("a request that makes no sense is invalid", func(t *testing.T, ctx context.Context, c fc.Capacity) {
		if _, err := c.Lease(ctx, ask(0, 1)); !errors.Is(err, fc.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
}

func mustLease(t *testing.T, ctx context.Context, c fc.Capacity, r fc.LeaseRequest) []fc.Lease {
	t.Helper()
	got, err := c.Lease(ctx, r)
	if err != nil || len(got) == 0 {
		t.Fatalf("lease %+v: got %v, %v", r, got, err)
	}
	return got
}

func wantNoCapacity(t *testing.T, ctx context.Context, c fc.Capacity, r fc.LeaseRequest) {
	t.Helper()
	if got, err := c.Lease(ctx, r); !errors.Is(err, fc.ErrNoCapacity) {
		t.Fatalf("lease %+v: got %v, %v; want ErrNoCapacity", r, got, err)
	}
}
