package resourcemanager

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fcstack/fcstack/platform/fc"
)

// DefaultPool is the pool of nodes and requests that name none.
const DefaultPool = "default"

func poolName(p string) string {
	if p == "" {
		return DefaultPool
	}
	return p
}

// load is a node and what is leased of it.
type load struct {
	fc.NodeInfo
	UsedMB int
	Leases int
}

// fits tells whether one more instance goes on n; if not, short says why.
func (n load) fits(r fc.LeaseRequest) (short string, ok bool) {
	switch {
	case !slices.Contains(n.Runtimes, r.Runtime):
		return "no node runs " + string(r.Runtime), false
	case n.UsedMB+r.MemoryMB > n.MemoryMB:
		return fmt.Sprintf("no node has %d MiB of memory left", r.MemoryMB), false
	case n.Instances > 0 && n.Leases >= n.Instances:
		return "all nodes have as many instances as they may", false
	}
	return "", true
}

// level is how full n is, in steps of 1/20, so that small differences do not outweigh
// the spread over zones.
func (n load) level() int {
	level := 0
	if n.MemoryMB > 0 {
		level = 20 * n.UsedMB / n.MemoryMB
	}
	if n.Instances > 0 {
		level = max(level, 20*n.Leases/n.Instances)
	}
	return level
}

// preferUpTo is the level up to which having the code outweighs the load: one popular
// function must not fill a node while others stand idle.
const preferUpTo = 16

// place says on which nodes up to r.Count instances go, one entry an instance: where
// the code is, then the least loaded, then spread over zones, then in a stable order.
// With an empty answer short tells what there was too little of.
func place(r fc.LeaseRequest, nodes []load) (on []fc.NodeID, short string) {
	nodes = slices.Clone(nodes) // it counts what it places
	inZone := map[string]int{}
	for len(on) < r.Count {
		best := -1
		var reasons []string
		for i := range nodes {
			why, ok := nodes[i].fits(r)
			switch {
			case !ok:
				reasons = append(reasons, why)
			case best < 0 || better(nodes[i], nodes[best], r.Prefer, inZone):
				best = i
			}
		}
		if best < 0 {
			return on, shortage(r, reasons)
		}
		nodes[best].UsedMB += r.MemoryMB
		nodes[best].Leases++
		inZone[nodes[best].Zone]++
		on = append(on, nodes[best].ID)
	}
	return on, ""
}

func better(a, b load, prefer []fc.NodeID, inZone map[string]int) bool {
	pa, pb := preference(a, prefer), preference(b, prefer)
	if (pa < 0) != (pb < 0) {
		return pa >= 0
	}
	if la, lb := a.level(), b.level(); la != lb {
		return la < lb
	}
	if za, zb := inZone[a.Zone], inZone[b.Zone]; za != zb {
		return za < zb
	}
	if pa != pb {
		return pa < pb
	}
	if a.UsedMB != b.UsedMB {
		return a.UsedMB < b.UsedMB
	}
	return a.ID < b.ID
}

// preference is the rank of n among the preferred nodes; -1: none.
func preference(n load, prefer []fc.NodeID) int {
	if n.level() >= preferUpTo {
		return -1
	}
	return slices.Index(prefer, n.ID)
}

func shortage(r fc.LeaseRequest, reasons []string) string {
	if len(reasons) == 0 {
		return fmt.Sprintf("pool %q has no live node", poolName(r.Pool))
	}
	slices.Sort(reasons)
	return fmt.Sprintf("in pool %q %s", poolName(r.Pool), strings.Join(slices.Compact(reasons), ", "))
}
