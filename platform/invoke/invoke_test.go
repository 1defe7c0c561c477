package invoke

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// bench is a platform of one function in memory: its owner grants what instances has
// left, its node runs call.
type bench struct {
	version *fc.Version
	until   time.Duration
	call    func(ctx context.Context, id fc.InstanceID, in *fc.Invocation, out fc.ResultWriter) error

	mu       sync.Mutex
	rights   map[fc.InstanceID]int // left
	granted  map[string]fc.Slot
	fail     error
	reports  []fc.Usage
	acquires atomic.Int32
	changed  chan struct{}
}

func newBench(instances, concurrency int) *bench {
	b := &bench{
		version: &fc.Version{Function: fc.Function{Account: "1", Name: "f", Timeout: time.Minute, Concurrency: concurrency, Revision: 1}, Version: fc.Latest},
		until:   30 * time.Second,
		rights:  map[fc.InstanceID]int{},
		granted: map[string]fc.Slot{},
		changed: make(chan struct{}),
		call: func(context.Context, fc.InstanceID, *fc.Invocation, fc.ResultWriter) error {
			return nil
		},
	}
	for i := range instances {
		b.rights[fc.InstanceID(fmt.Sprint("i", i))] = concurrency
	}
	return b
}

func (b *bench) service(t testing.TB, cfg Config) *Service {
	cfg.Router = "r1"
	s, err := New(cfg, Deps{
		View:  b,
		Owner: func(fc.VersionRef) fc.Owner { return b },
		Node:  func(fc.NodeID) fc.Node { return benchNode{b} },
		Log:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *bench) Resolve(_, function, _ string) (*fc.Version, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if function != b.version.Name {
		return nil, fc.ErrFunctionNotFound
	}
	return b.version, nil
}

func (b *bench) Acquire(ctx context.Context, w fc.Want) ([]fc.Slot, error) {
	b.acquires.Add(1)
	for {
		b.mu.Lock()
		if b.fail != nil {
			defer b.mu.Unlock()
			return nil, b.fail
		}
		if w.Version.Revision != b.version.Revision {
			b.mu.Unlock()
			return nil, fc.ErrStale
		}
		for id, left := range b.rights {
			if left == 0 {
				continue
			}
			n := min(left, w.Slots)
			b.rights[id] -= n
			s := fc.Slot{ID: fmt.Sprint("s", len(b.granted), time.Now().UnixNano()), Version: w.Version, Instance: id, Node: "n", Rights: n, Until: time.Now().Add(b.until)}
			b.granted[s.ID] = s
			b.mu.Unlock()
			return []fc.Slot{s}, nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}

func (b *bench) Report(_ context.Context, _ string, used []fc.Usage) ([]fc.Slot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, used...)
	var extended []fc.Slot
	for _, u := range used {
		s, ok := b.granted[u.Slot]
		switch {
		case !ok:
		case u.Keep:
			s.Until = time.Now().Add(b.until)
			b.granted[u.Slot] = s
			extended = append(extended, s)
		default:
			delete(b.granted, u.Slot)
			if !u.Gone {
				b.rights[s.Instance] += s.Rights
			}
			close(b.changed)
			b.changed = make(chan struct{})
		}
	}
	return extended, nil
}

func (b *bench) left() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rights {
		n += r
	}
	return n
}

// benchNode runs calls; instances come and go with the bench.
type benchNode struct{ b *bench }

func (n benchNode) Call(ctx context.Context, id fc.InstanceID, in *fc.Invocation, out fc.ResultWriter) error {
	return n.b.call(ctx, id, in, out)
}

func (benchNode) Start(context.Context, fc.InstanceID, *fc.Version) (fc.Instance, error) {
	return fc.Instance{}, fc.ErrUnsupported
}
func (benchNode) Stop(context.Context, fc.InstanceID) error { return nil }
func (benchNode) Watch(ctx context.Context, _ func(fc.InstanceEvent)) error {
	<-ctx.Done()
	return nil
}

type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Begin(fc.Head)               {}
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Flush()                      {}

func invocation() *fc.Invocation { return &fc.Invocation{Account: "1", Function: "f"} }

func TestAWarmCallAsksNobody(t *testing.T) {
	b := newBench(1, 10)
	s := b.service(t, Config{})
	for range 100 {
		if err := s.Run(t.Context(), invocation(), nowhere{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.acquires.Load(); n != 1 {
		t.Errorf("100 calls asked the owner %d times", n)
	}
}

func TestNoMoreCallsThanRights(t *testing.T) {
	b := newBench(2, 3)
	var running, most atomic.Int32
	b.call = func(context.Context, fc.InstanceID, *fc.Invocation, fc.ResultWriter) error {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		defer running.Add(-1)
		for range 1000 {
			_ = strings.Repeat("x", 10)
		}
		return nil
	}
	s := b.service(t, Config{})
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			for range 20 {
				if err := s.Run(t.Context(), invocation(), nowhere{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if most.Load() > 6 {
		t.Errorf("%d calls ran at once on 6 rights", most.Load())
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(0, 1)
		s := b.service(t, Config{MaxQueue: 2, MaxWait: time.Minute})
		errs := make(chan error, 3)
		for range 2 {
			go func() { errs <- s.Run(t.Context(), invocation(), nowhere{}) }()
		}
		synctest.Wait()
		if err := s.Run(t.Context(), invocation(), nowhere{}); !errors.Is(err, fc.ErrBusy) {
			t.Errorf("the third call got %v", err)
		}
		for range 2 {
			if err := <-errs; !errors.Is(err, fc.ErrBusy) {
				t.Errorf("a call that waited too long got %v", err)
			}
		}
	})
}

func TestACallerThatLeavesFreesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(0, 1)
		s := b.service(t, Config{MaxQueue: 1})
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- s.Run(ctx, invocation(), nowhere{}) }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		done := make(chan error)
		go func() { done <- s.Run(t.Context(), invocation(), nowhere{}) }()
		synctest.Wait()
		b.mu.Lock()
		b.rights["new"] = 1
		close(b.changed)
		b.changed = make(chan struct{})
		b.mu.Unlock()
		if err := <-done; err != nil {
			t.Errorf("the next one got %v", err)
		}
	})
}

func TestWhatTheOwnerRefusesReachesTheCaller(t *testing.T) {
	for _, kind := range []error{fc.ErrBusy, fc.ErrNoCapacity, &fc.Failure{Message: "init failed"}} {
		b := newBench(0, 1)
		b.fail = kind
		if err := b.service(t, Config{}).Run(t.Context(), invocation(), nowhere{}); !errors.Is(err, kind) {
			t.Errorf("got %v, want %v", err, kind)
		}
	}
}

func TestADisabledFunctionIsNotCalled(t *testing.T) {
	b := newBench(1, 1)
	b.version.Restriction = &fc.Restriction{Disabled: true, Reason: "maintenance"}
	err := b.service(t, Config{}).Run(t.Context(), invocation(), nowhere{})
	if !errors.Is(err, fc.ErrDisabled) || !strings.Contains(err.Error(), "maintenance") {
		t.Errorf("got %v", err)
	}
}

func TestACallThatHasNotBegunIsTriedElsewhere(t *testing.T) {
	b := newBench(2, 1)
	var first atomic.Pointer[fc.InstanceID]
	b.call = func(_ context.Context, id fc.InstanceID, _ *fc.Invocation, _ fc.ResultWriter) error {
		if first.CompareAndSwap(nil, &id) || *first.Load() == id {
			return fc.ErrGone
		}
		return nil
	}
	if err := Retrying(b.service(t, Config{})).Run(t.Context(), invocation(), nowhere{}); err != nil {
		t.Fatal(err)
	}
}

func TestACallThatMayHaveRunIsNotRepeated(t *testing.T) {
	b := newBench(2, 1)
	calls := 0
	b.call = func(context.Context, fc.InstanceID, *fc.Invocation, fc.ResultWriter) error {
		calls++
		return fc.ErrAborted
	}
	err := Retrying(b.service(t, Config{})).Run(t.Context(), invocation(), nowhere{})
	if !errors.Is(err, fc.ErrAborted) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestAReplacedVersionIsResolvedAnew(t *testing.T) {
	b := newBench(1, 1)
	old := *b.version
	next := *b.version
	next.Revision = 2
	b.version = &next
	in := invocation()
	in.Version = &old
	if err := Retrying(b.service(t, Config{})).Run(t.Context(), in, nowhere{}); err != nil {
		t.Fatal(err)
	}
}

func TestIdleSlotsGoBackAndUsedOnesAreExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 2)
		b.until = 3 * time.Second
		release := make(chan struct{})
		b.call = func(context.Context, fc.InstanceID, *fc.Invocation, fc.ResultWriter) error {
			<-release
			return nil
		}
		s := b.service(t, Config{HoldIdle: 10 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		kept := make(chan error)
		go func() { kept <- s.Keep(ctx) }()
		done := make(chan error)
		go func() { done <- s.Run(t.Context(), invocation(), nowhere{}) }()
		time.Sleep(50 * time.Second) // a call longer than any grant
		if n := b.left(); n != 1 {
			t.Errorf("%d rights are left while one is used", n)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Second)
		if n := b.left(); n != 2 {
			t.Errorf("%d of 2 rights are back after the idle time", n)
		}
		pools := 0
		s.router.pools.Range(func(any, any) bool { pools++; return true })
		if pools != 0 {
			t.Errorf("%d pools are left of an idle function", pools)
		}
		cancel()
		<-kept
		var calls int
		for _, u := range b.reports {
			calls += u.Calls
		}
		if calls != 1 {
			t.Errorf("%d calls reported", calls)
		}
	})
}

func TestEverythingGoesBackAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(3, 4)
		s := b.service(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		kept := make(chan error)
		go func() { kept <- s.Keep(ctx) }()
		var wait sync.WaitGroup
		for range 12 {
			wait.Go(func() { s.Run(t.Context(), invocation(), nowhere{}) })
		}
		wait.Wait()
		cancel()
		<-kept
		if n := b.left(); n != 12 {
			t.Errorf("%d of 12 rights are back", n)
		}
	})
}

func BenchmarkWarmRun(bm *testing.B) {
	b := newBench(1, 200)
	s := b.service(bm, Config{})
	bm.ReportAllocs()
	bm.RunParallel(func(pb *testing.PB) {
		in := invocation()
		for pb.Next() {
			if err := s.Run(context.Background(), in, nowhere{}); err != nil {
				bm.Fatal(err)
			}
		}
	})
}
