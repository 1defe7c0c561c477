package invoke

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// router holds the slots that owners granted, a pool of them for each version. There
// is no lock over all pools: a call takes the lock of its own version only.
type router struct {
	cfg   Config
	owner func(fc.VersionRef) fc.Owner
	node  func(fc.NodeID) fc.Node
	log   *slog.Logger
	pools sync.Map // fc.VersionRef → *pool
}

func newRouter(cfg Config, deps Deps) *router {
	r := &router{cfg: cfg, owner: deps.Owner, node: deps.Node, log: deps.Log}
	if deps.Meter != nil {
		deps.Meter.MustRegister(&collector{r})
	}
	return r
}

// taken is one right of a slot, taken by a call.
type taken struct {
	*slot
	pool  *pool
	since time.Time
}

// take waits for a right to call v.
func (r *router) take(ctx context.Context, v *fc.Version) (taken, error) {
	ref := v.Ref()
	for {
		found, ok := r.pools.Load(ref)
		if !ok {
			found, _ = r.pools.LoadOrStore(ref, newPool(r, ref))
		}
		p := found.(*pool)
		t, err := p.take(ctx)
		if err == errRetired {
			r.pools.CompareAndDelete(ref, p)
			continue
		}
		return t, err
	}
}

// done gives a right back; err is what the node said of the call.
func (r *router) done(t taken, err error) {
	gone := errors.Is(err, fc.ErrGone)
	t.pool.done(t, gone, errors.Is(err, fc.ErrSaturated))
}

// keep reports on all pools until ctx is done and then gives everything back.
func (r *router) keep(ctx context.Context) error {
	t := time.NewTicker(r.cfg.ReportGap)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			r.reportAll(ctx, false)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			r.reportAll(last, true)
			return nil
		}
	}
}

// reportAll reports every pool, several at a time so that one slow owner does not keep
// the slots of the others from being extended.
func (r *router) reportAll(ctx context.Context, closing bool) {
	var wait sync.WaitGroup
	limit := make(chan struct{}, 8)
	r.pools.Range(func(_, value any) bool {
		p := value.(*pool)
		if p.retireIfEmpty() {
			r.pools.CompareAndDelete(p.ref, p)
			return true
		}
		used := p.usage(time.Now(), closing)
		if len(used) == 0 {
			return true
		}
		limit <- struct{}{}
		wait.Go(func() {
			defer func() { <-limit }()
			p.report(ctx, used)
		})
		return true
	})
	wait.Wait()
}
