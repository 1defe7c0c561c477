package nodeagent

import (
	"sync/atomic"

	"github.com/fcstack/fcstack/platform/fc"
)

// gate admits calls to an instance, so many at a time, until it is shut.
type gate struct {
	limit int64
	state atomic.Int64  // calls inside, and the bit shut
	empty chan struct{} // closed once shut and nobody is inside
}

const shut = 1 << 40

func newGate(limit int) *gate {
	return &gate{limit: int64(max(1, limit)), empty: make(chan struct{})}
}

// enter admits one call. fc.ErrGone: shut; fc.ErrSaturated: full.
func (g *gate) enter() error {
	for {
		s := g.state.Load()
		switch {
		case s >= shut:
			return fc.ErrGone
		case s >= g.limit:
			return fc.ErrSaturated
		case g.state.CompareAndSwap(s, s+1):
			return nil
		}
	}
}

func (g *gate) leave() {
	if g.state.Add(-1) == shut {
		close(g.empty)
	}
}

// shut lets nobody in any more. It reports whether this call did it.
func (g *gate) shut() bool {
	before := g.state.Or(shut)
	if before == 0 {
		close(g.empty)
	}
	return before < shut
}
