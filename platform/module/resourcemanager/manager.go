// Package resourcemanager knows the nodes and leases room on them to the owners of
// functions, within the quotas of accounts. What runs in the room is the owners' affair.
package resourcemanager

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/loop"
)

// Deps is what a Manager works with.
type Deps struct {
	Log     *slog.Logger          // nil: no log
	Metrics prometheus.Registerer // nil: none
}

// Manager is an fc.Capacity and an fc.Inventory. It keeps everything in memory: nodes
// come back with their next heartbeat, and owners lease again what they still use.
type Manager struct {
	cfg     Config
	log     *slog.Logger
	refused prometheus.Counter

	mu       sync.Mutex
	nodes    map[fc.NodeID]*node
	leases   map[string]lease
	accounts map[string]int // leases
	last     uint64
	prefix   string
}

// node is a node that lives, or is dead with leases still on it.
type node struct {
	load
	dead bool
}

type lease struct {
	fc.Lease
	owner, account string
}

// New makes a Manager that knows no node yet.
func New(cfg Config, deps Deps) (*Manager, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("resource manager: %w", err)
	}
	m := &Manager{
		cfg: cfg, log: deps.Log,
		nodes: map[fc.NodeID]*node{}, leases: map[string]lease{}, accounts: map[string]int{},
		// Leases of an earlier life must not be taken for ours.
		prefix:  fmt.Sprintf("l-%x-", rand.Uint64()),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "fc_capacity_refused_total", Help: "Requests for room that found none."}),
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if deps.Metrics != nil {
		for _, c := range []prometheus.Collector{m.refused, collector{m}} {
			if err := deps.Metrics.Register(c); err != nil {
				return nil, fmt.Errorf("resource manager: %w", err)
			}
		}
	}
	return m, nil
}

// Run finds dead nodes and ends leases that were not renewed, until ctx is done.
func (m *Manager) Run(ctx context.Context) error {
	return loop.Every(ctx, m.cfg.SweepEvery, func(context.Context) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sweep(time.Now())
	})
}

// sweep marks dead nodes and ends leases past their time. m is locked.
func (m *Manager) sweep(now time.Time) {
	for id, l := range m.leases {
		if !now.Before(l.Until) {
			m.end(id)
		}
	}
	for id, n := range m.nodes {
		if !n.dead && now.Sub(n.Seen) > m.cfg.DeadAfter {
			n.dead = true
			m.log.Warn("node is dead", "node", id, "seen", n.Seen)
		}
		if n.dead && n.Leases == 0 {
			delete(m.nodes, id)
		}
	}
}

// end takes back a lease. m is locked.
func (m *Manager) end(id string) {
	l := m.leases[id]
	delete(m.leases, id)
	if m.accounts[l.account]--; m.accounts[l.account] <= 0 {
		delete(m.accounts, l.account)
	}
	if n := m.nodes[l.Node]; n != nil {
		n.Leases--
		n.UsedMB -= l.MemoryMB
	}
}

// Heartbeat is of fc.Inventory.
func (m *Manager) Heartbeat(_ context.Context, in fc.NodeInfo) error {
	if in.ID == "" {
		return fmt.Errorf("heartbeat of a node without a name: %w", fc.ErrInvalid)
	}
	in.Pool = poolName(in.Pool)
	in.Seen = time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodes[in.ID]
	if n == nil {
		n = &node{dead: true}
		m.nodes[in.ID] = n
	}
	if n.dead {
		m.log.Info("node joined", "node", in.ID, "pool", in.Pool, "zone", in.Zone, "memory", in.MemoryMB)
	}
	n.NodeInfo, n.dead = in, false
	return nil
}

// Nodes is of fc.Inventory.
func (m *Manager) Nodes(_ context.Context, pool string) ([]fc.NodeInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(time.Now())
	var out []fc.NodeInfo
	for _, n := range m.nodes {
		if !n.dead && (pool == "" || n.Pool == pool) {
			out = append(out, n.NodeInfo)
		}
	}
	slices.SortFunc(out, func(a, b fc.NodeInfo) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Lease is of fc.Capacity.
func (m *Manager) Lease(_ context.Context, r fc.LeaseRequest) ([]fc.Lease, error) {
	if r.Owner == "" || r.Count < 1 || r.MemoryMB < 0 {
		return nil, fmt.Errorf("lease %d times %d MiB for owner %q: %w", r.Count, r.MemoryMB, r.Owner, fc.ErrInvalid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	got, short := m.lease(r, now)
	if len(got) == 0 {
		m.sweep(now) // what has ended may be just what is missing
		got, short = m.lease(r, now)
	}
	if len(got) == 0 {
		m.refused.Inc()
		return nil, fmt.Errorf("%s: %w", short, fc.ErrNoCapacity)
	}
	return got, nil
}

// lease grants what there is. m is locked.
func (m *Manager) lease(r fc.LeaseRequest, now time.Time) ([]fc.Lease, string) {
	r.Count = min(r.Count, m.cfg.AccountQuota-m.accounts[r.Account])
	if r.Count <= 0 {
		return nil, fmt.Sprintf("account %s has its quota of %d instances", r.Account, m.cfg.AccountQuota)
	}
	var nodes []load
	for _, n := range m.nodes {
		if !n.dead && n.Pool == poolName(r.Pool) && now.Sub(n.Seen) <= m.cfg.DeadAfter {
			nodes = append(nodes, n.load)
		}
	}
	on, short := place(r, nodes)
	out := make([]fc.Lease, 0, len(on))
	for _, id := range on {
		m.last++
		l := fc.Lease{
			ID: fmt.Sprintf("%s%d", m.prefix, m.last), Node: id,
			MemoryMB: r.MemoryMB, Until: now.Add(m.cfg.LeaseFor),
		}
		m.leases[l.ID] = lease{l, r.Owner, r.Account}
		m.accounts[r.Account]++
		m.nodes[id].Leases++
		m.nodes[id].UsedMB += r.MemoryMB
		out = append(out, l)
	}
	return out, short
}

// Renew is of fc.Capacity. Leases on a dead node are not renewed.
func (m *Manager) Renew(_ context.Context, owner string, ids []string) ([]fc.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.sweep(now)
	out := make([]fc.Lease, 0, len(ids))
	for _, id := range ids {
		l, there := m.leases[id]
		if !there || l.owner != owner || m.nodes[l.Node] == nil || m.nodes[l.Node].dead {
			continue
		}
		l.Until = now.Add(m.cfg.LeaseFor)
		m.leases[id] = l
		out = append(out, l.Lease)
	}
	return out, nil
}

// Release is of fc.Capacity.
func (m *Manager) Release(_ context.Context, owner string, ids []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if l, there := m.leases[id]; there && l.owner == owner {
			m.end(id)
		}
	}
	return nil
}

// collector counts when it is asked.
type collector struct{ m *Manager }

var (
	nodesDesc  = prometheus.NewDesc("fc_capacity_nodes", "Live nodes by pool.", []string{"pool"}, nil)
	leasedDesc = prometheus.NewDesc("fc_capacity_leased_mebibytes", "Memory leased by pool.", []string{"pool"}, nil)
	memoryDesc = prometheus.NewDesc("fc_capacity_memory_mebibytes", "Memory for instances by pool.", []string{"pool"}, nil)
)

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- nodesDesc
	ch <- leasedDesc
	ch <- memoryDesc
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	type sums struct{ nodes, leased, memory int }
	pools := map[string]sums{}
	c.m.mu.Lock()
	for _, n := range c.m.nodes {
		if s := pools[n.Pool]; !n.dead {
			pools[n.Pool] = sums{s.nodes + 1, s.leased + n.UsedMB, s.memory + n.MemoryMB}
		}
	}
	c.m.mu.Unlock()
	for pool, s := range pools {
		ch <- prometheus.MustNewConstMetric(nodesDesc, prometheus.GaugeValue, float64(s.nodes), pool)
		ch <- prometheus.MustNewConstMetric(leasedDesc, prometheus.GaugeValue, float64(s.leased), pool)
		ch <- prometheus.MustNewConstMetric(memoryDesc, prometheus.GaugeValue, float64(s.memory), pool)
	}
}
