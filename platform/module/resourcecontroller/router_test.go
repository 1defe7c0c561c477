package resourcecontroller

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
	"github.com/fcstack/fcstack/platform/invoke"
)

// calls is a router of the real kind in front of the controller.
type calls struct {
	*invoke.Service
	served, failed atomic.Int32
}

func (w *world) router(t *testing.T, name string) *calls {
	t.Helper()
	s, err := invoke.New(invoke.Config{Router: name}, invoke.Deps{
		Owner: func(fc.VersionRef) fc.Owner { return w }, Node: w.room.Node, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Keep(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &calls{Service: s}
}

func (c *calls) call(t *testing.T, v *fc.Version) {
	if err := c.Run(context.Background(), &fc.Invocation{Version: v}, discard{}); err != nil {
		c.failed.Add(1)
		t.Errorf("call: %v", err)
		return
	}
	c.served.Add(1)
}

// load keeps n calls running at a time for d.
func (c *calls) load(t *testing.T, v *fc.Version, n int, d time.Duration) {
	end := time.Now().Add(d)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for time.Now().Before(end) {
				c.call(t, v)
			}
		})
	}
	all.Wait()
}

func lasting(d time.Duration) func(context.Context, *fc.Invocation, fc.ResultWriter) error {
	return func(context.Context, *fc.Invocation, fc.ResultWriter) error {
		time.Sleep(d)
		return nil
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Begin(fc.Head)               {}
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Flush()                      {}

// TestBehindRouters runs loads through real routers, with the starts and calls of one
// node taking the times given.
func TestBehindRouters(t *testing.T) {
	for _, c := range []struct {
		name        string
		concurrency int
		start, call time.Duration
		routers, n  int
		most, least int // instances after 2 s
	}{
		{"short calls one at a time, few instances pay off", 1, 30 * time.Millisecond, time.Millisecond, 1, 64, 40, 1},
		{"long calls: one instance each", 1, 30 * time.Millisecond, 500 * time.Millisecond, 1, 16, 17, 15},
		{"concurrency is filled", 50, 30 * time.Millisecond, 100 * time.Millisecond, 1, 64, 3, 2},
		{"two routers share", 20, 30 * time.Millisecond, 100 * time.Millisecond, 2, 20, 5, 2},
		{"three routers, one call each, one instance would do", 10, 30 * time.Millisecond, 10 * time.Millisecond, 3, 1, 3, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 100, nil)
				w.nodes[0].Script(takes(c.start))
				w.nodes[0].Answer(lasting(c.call))
				v := w.versions.Put(fctest.Version("f", c.concurrency))
				var all sync.WaitGroup
				served := int32(0)
				for i := range c.routers {
					r := w.router(t, fmt.Sprintf("r%d", i))
					all.Go(func() {
						r.load(t, v, c.n, 2*time.Second)
						atomic.AddInt32(&served, r.served.Load())
					})
				}
				all.Wait()
				w.check(t)
				n := len(w.f().Instances)
				rate, ideal := float64(served)/2, float64(min(n*c.concurrency, c.n*c.routers))/c.call.Seconds()
				t.Logf("%d instances, %d starts, %.0f calls/s of %.0f", n, w.starts(), rate, ideal)
				if n > c.most || n < c.least {
					t.Errorf("%d instances, want %d to %d", n, c.least, c.most)
				}
				if rate < 0.8*ideal {
					t.Errorf("%.0f calls/s where %d instances could do %.0f", rate, n, ideal)
				}
			})
		})
	}
}
