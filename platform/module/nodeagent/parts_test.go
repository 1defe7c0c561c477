package nodeagent

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/sandbox/process"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/fc/fctest"
)

func TestGate(t *testing.T) {
	t.Run("admits as many as its limit", func(t *testing.T) {
		g := newGate(2)
		for range 2 {
			if err := g.enter(); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.enter(); !errors.Is(err, fc.ErrSaturated) {
			t.Errorf("the third: %v", err)
		}
		g.leave()
		if err := g.enter(); err != nil {
			t.Errorf("after one left: %v", err)
		}
	})
	t.Run("is empty once shut and left", func(t *testing.T) {
		g := newGate(1)
		if err := g.enter(); err != nil {
			t.Fatal(err)
		}
		if !g.shut() || g.shut() {
			t.Error("not exactly one call shut it")
		}
		if err := g.enter(); !errors.Is(err, fc.ErrGone) {
			t.Errorf("a shut gate: %v", err)
		}
		select {
		case <-g.empty:
			t.Error("empty with one inside")
		default:
		}
		g.leave()
		<-g.empty
	})
	t.Run("never admits more than its limit, nor anybody once empty", func(t *testing.T) {
		g := newGate(3)
		var inside, most atomic.Int64
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 2000 {
					if g.enter() != nil {
						continue
					}
					n := inside.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					inside.Add(-1)
					g.leave()
				}
			})
		}
		g.shut()
		<-g.empty
		if n := inside.Load(); n != 0 {
			t.Errorf("%d inside an empty gate", n)
		}
		wait.Wait()
		if m := most.Load(); m > 3 {
			t.Errorf("%d at once", m)
		}
	})
}

func TestPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	a, b := newPorts(taken-3, taken+3), newPorts(taken-3, taken+3)
	seen := map[int]bool{}
	var all []*port
	for _, p := range []*ports{a, b, a, b} {
		o, err := p.take()
		if err != nil {
			t.Skipf("the ports around %d are in use: %v", taken, err)
		}
		if o.number == taken {
			t.Error("a port that somebody listens on was handed out")
		}
		if seen[o.number] && runtime.GOOS == "linux" { // elsewhere agents cannot tell each other
			t.Errorf("port %d was handed out twice, to two agents or to one", o.number)
		}
		seen[o.number] = true
		all = append(all, o)
		l, err := net.Listen("tcp", ":"+strconv.Itoa(o.number))
		if err != nil {
			t.Errorf("a function could not listen on its port: %v", err)
			continue
		}
		l.Close()
	}
	for {
		o, err := a.take()
		if err != nil {
			if !errors.Is(err, fc.ErrUnavailable) {
				t.Errorf("no port is left: %v", err)
			}
			break
		}
		all = append(all, o)
	}
	for _, o := range all {
		o.release()
	}
}

func TestSpares(t *testing.T) {
	var made, dropped atomic.Int64
	s := newSpares(func() (int64, error) { return made.Add(1), nil }, func(int64) { dropped.Add(1) })
	if n, err := s.take(); n != 1 || err != nil {
		t.Errorf("before there are any: %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.keep(ctx)
	}()
	eventually(t, "they are made ahead", func() bool { return len(s.ready) == spareCount })
	if n, err := s.take(); n != 2 || err != nil {
		t.Errorf("the first spare: %d, %v", n, err)
	}
	eventually(t, "it is replaced", func() bool { return len(s.ready) == spareCount })
	cancel()
	<-done
	if left := made.Load() - dropped.Load(); left != 2 {
		t.Errorf("%d are in use or lost, 2 were taken", left)
	}
}

func TestConfig(t *testing.T) {
	good := DefaultConfig()
	good.ID, good.Dir, good.MemoryMB = "n", "d", 1
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"no id":                func(c *Config) { c.ID = "" },
		"no directory":         func(c *Config) { c.Dir = "" },
		"no memory":            func(c *Config) { c.MemoryMB = 0 },
		"ports of the system":  func(c *Config) { c.FirstPort = 80 },
		"ports the wrong way":  func(c *Config) { c.FirstPort, c.LastPort = c.LastPort, c.FirstPort },
		"no time to start":     func(c *Config) { c.StartTimeout = 0 },
		"instances below zero": func(c *Config) { c.Instances = -1 },
	} {
		bad := good
		spoil(&bad)
		if bad.Validate() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestInstanceIDsAreNoPaths(t *testing.T) {
	a := openAgent(t, options{})
	for _, id := range []fc.InstanceID{"", "../x", "a/b", ".hidden", "a\x00b"} {
		if _, err := a.Start(t.Context(), id, custom(t, 1)); !errors.Is(err, fc.ErrInvalid) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// ledger is an inventory that is down for its first beats.
type ledger struct {
	fc.Inventory
	down  int64
	beats atomic.Int64
	last  atomic.Pointer[fc.NodeInfo]
}

func (l *ledger) Heartbeat(_ context.Context, n fc.NodeInfo) error {
	if l.beats.Add(1) <= l.down {
		return fc.ErrUnavailable
	}
	l.last.Store(&n)
	return nil
}

func TestHeartbeatsGoOnWhenTheInventoryIsDown(t *testing.T) {
	l := &ledger{down: 3}
	openAgent(t, options{
		config: func(c *Config) { c.HeartbeatEvery = time.Millisecond },
		deps:   func(d *Deps) { d.Inventory, d.Bootstraps = l, inherits{} },
	})
	eventually(t, "a heartbeat comes through", func() bool { return l.last.Load() != nil })
	n := l.last.Load()
	if n.ID != "n-1" || n.Pool != "default" || n.MemoryMB != 4096 || !slices.Contains(n.Runtimes, "python3.10") || !slices.Contains(n.Runtimes, "go1") {
		t.Errorf("got %+v", n)
	}
}

func TestStoppingTheAgentEndsWhatRunsAndWhatStarts(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	driver, err := process.New(process.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close()
	cfg := DefaultConfig()
	cfg.ID, cfg.Dir, cfg.MemoryMB, cfg.DrainTimeout = "n", t.TempDir(), 1024, 100*time.Millisecond
	a, err := New(cfg, Deps{Driver: driver, Code: directories{}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- a.Run(ctx) }()
	started(t, a, "c-1", custom(t, 1))
	results := make(chan error, 2)
	go func() { results <- a.Call(t.Context(), "c-1", fctest.Event("sleep 1h"), &fctest.Answer{}) }()
	eventually(t, "the call runs", func() bool { return a.table.get("c-1").gate.state.Load() == 1 })
	go func() {
		_, err := a.Start(t.Context(), "c-2", custom(t, 1, func(v *fc.Version) { v.Env = map[string]string{"SLEEP": "1"} }))
		results <- err
	}()
	eventually(t, "the start runs", func() bool {
		list, err := driver.List(t.Context())
		return err == nil && len(list) == 2
	})
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("run: %v", err)
	}
	for range 2 { // the call is answered with the process's end, the start refused
		if err := <-results; err != nil && !errors.Is(err, fc.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := a.Start(t.Context(), "c-3", custom(t, 1)); !errors.Is(err, fc.ErrUnavailable) {
		t.Errorf("a start afterwards: %v", err)
	}
	if list, err := driver.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("sandboxes left: %v, %v", list, err)
	}
	checkEmpty(t, a)
}
