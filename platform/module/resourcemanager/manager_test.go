package resourcemanager

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

func open(t *testing.T, change func(*Config)) *Manager {
	t.Helper()
	cfg := Default()
	if change != nil {
		change(&cfg)
	}
	m, err := New(cfg, Deps{Metrics: prometheus.NewPedanticRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestContracts(t *testing.T) {
	fctest.TestCapacity(t, func(t *testing.T, env fctest.CapacityEnv) fc.Capacity {
		m := open(t, func(c *Config) { c.AccountQuota = env.Quota })
		beat(t, m, env.Node)
		return m
	})
	fctest.TestInventory(t, func(t *testing.T) fc.Inventory { return open(t, nil) })
}

func beat(t *testing.T, m *Manager, n fc.NodeInfo) {
	t.Helper()
	if err := m.Heartbeat(context.Background(), n); err != nil {
		t.Fatal(err)
	}
}

func info(id, zone string) fc.NodeInfo {
	return fc.NodeInfo{ID: fc.NodeID(id), Zone: zone, MemoryMB: 1000, Runtimes: []fc.Runtime{"go1"}}
}

func request(count int) fc.LeaseRequest {
	return fc.LeaseRequest{Owner: "o", Account: "1", Runtime: "go1", MemoryMB: 100, Count: count}
}

func TestTime(t *testing.T) {
	t.Run("a node without heartbeats is dead, and back with the next one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := open(t, nil)
			beat(t, m, info("a", ""))
			time.Sleep(9 * time.Second)
			if list, _ := m.Nodes(t.Context(), ""); len(list) != 1 {
				t.Error("dead after 9 s")
			}
			time.Sleep(2 * time.Second)
			if list, _ := m.Nodes(t.Context(), ""); len(list) != 0 {
				t.Error("alive after 11 s")
			}
			if _, err := m.Lease(t.Context(), request(1)); !errors.Is(err, fc.ErrNoCapacity) || !strings.Contains(err.Error(), "no live node") {
				t.Errorf("lease on a dead node: %v", err)
			}
			beat(t, m, info("a", ""))
			if _, err := m.Lease(t.Context(), request(1)); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("a lease that is not renewed ends, a renewed one stays", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			m := open(t, func(c *Config) { c.DeadAfter = time.Hour })
			done := make(chan error, 1)
			go func() { done <- m.Run(ctx) }()
			beat(t, m, info("a", ""))
			all, err := m.Lease(ctx, request(10))
			if err != nil || len(all) != 10 {
				t.Fatal(all, err)
			}
			time.Sleep(20 * time.Second)
			if got, _ := m.Renew(ctx, "o", []string{all[0].ID}); len(got) != 1 {
				t.Error("not renewed")
			}
			time.Sleep(15 * time.Second)
			if again, err := m.Lease(ctx, request(10)); err != nil || len(again) != 9 {
				t.Errorf("%d leases, %v; want 9 beside the renewed one", len(again), err)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("leases on a dead node are not renewed and stop counting against the account", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := open(t, func(c *Config) { c.AccountQuota = 1 })
			beat(t, m, info("a", ""))
			l, err := m.Lease(t.Context(), request(1))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(12 * time.Second)
			if got, _ := m.Renew(t.Context(), "o", []string{l[0].ID}); len(got) != 0 {
				t.Error("renewed on a dead node")
			}
			time.Sleep(20 * time.Second)
			beat(t, m, info("b", ""))
			if _, err := m.Lease(t.Context(), request(1)); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestPlace(t *testing.T) {
	n := func(id, zone string, used int) load {
		return load{NodeInfo: info(id, zone), UsedMB: used, Leases: used / 100}
	}
	for _, c := range []struct {
		name   string
		nodes  []load
		count  int
		prefer []fc.NodeID
		want   string
	}{
		{"the least loaded node wins", []load{n("a", "", 500), n("b", "", 100)}, 1, nil, "b"},
		{"a node with the code wins over a less loaded one", []load{n("a", "", 500), n("b", "", 100)}, 1, []fc.NodeID{"a"}, "a"},
		{"unless it is nearly full", []load{n("a", "", 800), n("b", "", 100)}, 1, []fc.NodeID{"a"}, "b"},
		{"and it is used to the end if nothing else has room", []load{n("a", "", 800), n("b", "", 1000)}, 3, []fc.NodeID{"a"}, "a a"},
		{"equals are spread over zones", []load{n("a", "x", 0), n("b", "x", 0), n("c", "y", 0)}, 2, nil, "a c"},
		{"the first of the preferred wins among equals", []load{n("a", "", 0), n("b", "", 0)}, 1, []fc.NodeID{"b", "a"}, "b"},
		{"a large request fills the nodes evenly", []load{n("a", "", 0), n("b", "", 0)}, 4, nil, "a b a b"},
		{"no room gives nothing", []load{n("a", "", 950)}, 1, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.count)
			r.Prefer = c.prefer
			on, short := place(r, c.nodes)
			var got []string
			for _, id := range on {
				got = append(got, string(id))
			}
			if strings.Join(got, " ") != c.want || (len(on) < c.count) != (short != "") {
				t.Errorf("placed on %v (%q), want %q", got, short, c.want)
			}
		})
	}
}

func TestShortageSaysWhat(t *testing.T) {
	m := open(t, nil)
	small, full, other := info("a", ""), info("b", ""), info("c", "")
	small.MemoryMB, full.Instances, other.Runtimes = 50, 1, nil
	for _, n := range []fc.NodeInfo{small, full, other} {
		beat(t, m, n)
	}
	if _, err := m.Lease(t.Context(), request(1)); err != nil {
		t.Fatal(err)
	}
	_, err := m.Lease(t.Context(), request(1))
	for _, part := range []string{"100 MiB of memory", "as many instances", "no node runs go1", `pool "default"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

func TestConfig(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Config){
		"leaseFor":     func(c *Config) { c.LeaseFor = 0 },
		"deadAfter":    func(c *Config) { c.DeadAfter = -1 },
		"accountQuota": func(c *Config) { c.AccountQuota = 0 },
	} {
		cfg := Default()
		spoil(&cfg)
		if _, err := New(cfg, Deps{}); !errors.Is(err, fc.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestMetricsCanBeGathered(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	m, err := New(Default(), Deps{Metrics: r})
	if err != nil {
		t.Fatal(err)
	}
	beat(t, m, info("a", ""))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range families {
		found = found || f.GetName() == "fc_capacity_nodes"
	}
	if !found {
		t.Errorf("no fc_capacity_nodes in %v", families)
	}
}
