package fctest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// Room is an fc.Capacity and fc.Inventory over some Nodes with room for a number of
// instances in all. It leases on the nodes in turn.
type Room struct {
	mu     sync.Mutex
	nodes  []*Node
	down   error
	limit  int
	leases map[string]fc.Lease
	last   int
	asked  int
}

// NewRoom makes a Room for limit instances.
func NewRoom(limit int, nodes ...*Node) *Room {
	return &Room{nodes: nodes, limit: limit, leases: map[string]fc.Lease{}}
}

// Node finds a node; nil: there is none of that name.
func (r *Room) Node(id fc.NodeID) fc.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Down makes Lease and Renew answer err until it is called with nil.
func (r *Room) Down(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = err
}

// Lose takes away a node.
func (r *Room) Lose(id fc.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kept []*Node
	for _, n := range r.nodes {
		if n.ID != id {
			kept = append(kept, n)
		}
	}
	r.nodes = kept
}

// Leased counts the leases that stand.
func (r *Room) Leased() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.leases)
}

// Asked counts the calls of Lease.
func (r *Room) Asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

const leaseFor = 30 * time.Second

// Lease is of fc.Capacity.
func (r *Room) Lease(_ context.Context, q fc.LeaseRequest) ([]fc.Lease, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.down != nil {
		return nil, r.down
	}
	if len(r.nodes) == 0 {
		return nil, fmt.Errorf("no node: %w", fc.ErrNoCapacity)
	}
	var out []fc.Lease
	for len(out) < q.Count && len(r.leases) < r.limit {
		on := r.nodes[r.last%len(r.nodes)].ID
		for _, n := range r.nodes {
			if len(q.Prefer) > 0 && n.ID == q.Prefer[0] {
				on = n.ID
			}
		}
		r.last++
		l := fc.Lease{ID: fmt.Sprintf("%s-%d", q.Owner, r.last), Node: on, MemoryMB: q.MemoryMB, Until: time.Now().Add(leaseFor)}
		r.leases[l.ID] = l
		out = append(out, l)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%d instances are leased: %w", len(r.leases), fc.ErrNoCapacity)
	}
	return out, nil
}

// Renew is of fc.Capacity.
func (r *Room) Renew(_ context.Context, _ string, ids []string) ([]fc.Lease, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return nil, r.down
	}
	var out []fc.Lease
	for _, id := range ids {
		if l, there := r.leases[id]; there {
			l.Until = time.Now().Add(leaseFor)
			r.leases[id] = l
			out = append(out, l)
		}
	}
	return out, nil
}

// Release is of fc.Capacity.
func (r *Room) Release(_ context.Context, _ string, ids []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.leases, id)
	}
	return nil
}

// Heartbeat is of fc.Inventory. The nodes are those given to NewRoom.
func (r *Room) Heartbeat(context.Context, fc.NodeInfo) error { return fc.ErrUnsupported }

// Nodes is of fc.Inventory.
func (r *Room) Nodes(context.Context, string) ([]fc.NodeInfo, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []fc.NodeInfo
	for _, n := range r.nodes {
		out = append(out, fc.NodeInfo{
			ID: n.ID, MemoryMB: 1 << 20, Runtimes: []fc.Runtime{"custom"}, Seen: time.Now(),
		})
	}
	return out, nil
}
