package etcd

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/fc"
)

const patience = 20 * time.Second

// hear follows the members of the test's group and returns their number, as it changes.
func hear(t *testing.T, s *Service) <-chan int {
	counts := make(chan int, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.Members(ctx, t.Name(), func(m []coordination.Member) { counts <- len(m) })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return counts
}

func awaitCount(t *testing.T, counts <-chan int, want int) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case n := <-counts:
			if n == want {
				return
			}
		case <-late:
			t.Fatalf("there never were %d members", want)
		}
	}
}

func join(t *testing.T, s *Service) {
	t.Helper()
	if _, err := s.Join(t.Context(), t.Name(), coordination.Member{ID: "m"}); err != nil {
		t.Fatal(err)
	}
}

func lead(t *testing.T, s *Service) coordination.Leadership {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	l, err := s.Campaign(ctx, t.Name(), "c")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func awaitLost(t *testing.T, l coordination.Leadership) {
	t.Helper()
	select {
	case <-l.Lost():
	case <-time.After(patience):
		t.Fatal("the leadership was not lost")
	}
}

// endLeases makes the server forget every lease.
func endLeases(t *testing.T, srv *server) {
	t.Helper()
	s := connect(t, srv)
	for _, l := range leases(t, s) {
		if err := s.revoke(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func leases(t *testing.T, s *Service) []clientv3.LeaseStatus {
	t.Helper()
	resp, err := s.client.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return resp.Leases
}

func TestALostLeaseIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	srv := testServer(t, "")
	s := connect(t, srv)
	join(t, s)
	counts := hear(t, connect(t, srv))
	awaitCount(t, counts, 1)
	endLeases(t, srv)
	awaitCount(t, counts, 0)
	awaitCount(t, counts, 1)
}

func TestALeaderWhoseLeaseIsLostHearsOfIt(t *testing.T) {
	t.Parallel()
	srv := testServer(t, "")
	l := lead(t, connect(t, srv))
	endLeases(t, srv)
	awaitLost(t, l)
	if next := lead(t, connect(t, srv)); next.Epoch() <= l.Epoch() {
		t.Fatalf("epoch %d follows %d", next.Epoch(), l.Epoch())
	}
}

func TestACandidateWhoseLeaseIsLostStandsAgain(t *testing.T) {
	t.Parallel()
	srv := testServer(t, "")
	first := lead(t, connect(t, srv))
	won := make(chan error, 1)
	second := connect(t, srv)
	go func() {
		_, err := second.Campaign(t.Context(), t.Name(), "d")
		won <- err
	}()
	for s := connect(t, srv); len(leases(t, s)) < 2; {
		time.Sleep(time.Millisecond)
	}
	endLeases(t, srv)
	awaitLost(t, first)
	if err := <-won; err != nil {
		t.Fatal(err)
	}
}

// A process that dies gives nothing back: its connection just ends.
func TestTheDeadAreMissed(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	srv := testServer(t, address)
	dying := dial(t, address)
	join(t, dying)
	l := lead(t, dying)
	counts := hear(t, connect(t, srv))
	awaitCount(t, counts, 1)
	died := time.Now()
	dying.client.Close()
	awaitCount(t, counts, 0)
	awaitLost(t, l)
	lead(t, connect(t, srv))
	t.Logf("with a TTL of %v it took %v", dying.o.TTL, time.Since(died))
}

func TestACutConnectionIsSurvived(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	srv := testServer(t, address)
	wire := newWire(t, address)
	s := dial(t, wire.address)
	join(t, s)
	l := lead(t, s)
	heard := make(chan int64, 100)
	ctx, cancel := context.WithCancel(context.Background())
	following := make(chan error, 1)
	go func() { following <- s.Follow(ctx, t.Name(), func(r int64) { heard <- r }) }()
	peer := connect(t, srv)
	counts := hear(t, peer)
	awaitCount(t, counts, 1)
	announce(t, peer, heard, 1)

	wire.cut()
	awaitLost(t, l)
	awaitCount(t, counts, 0)
	next := lead(t, peer)
	if next.Epoch() <= l.Epoch() {
		t.Errorf("epoch %d follows %d", next.Epoch(), l.Epoch())
	}
	if err := peer.Announce(t.Context(), t.Name(), 2); err != nil {
		t.Fatal(err)
	}

	wire.mend()
	awaitCount(t, counts, 1)
	awaitRevision(t, heard, 2)
	announce(t, peer, heard, 3)
	cancel()
	if err := <-following; err != nil {
		t.Errorf("follow ended with %v", err)
	}
}

func announce(t *testing.T, s *Service, heard <-chan int64, revision int64) {
	t.Helper()
	if err := s.Announce(t.Context(), t.Name(), revision); err != nil {
		t.Fatal(err)
	}
	awaitRevision(t, heard, revision)
}

func awaitRevision(t *testing.T, heard <-chan int64, want int64) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case r := <-heard:
			if r == want {
				return
			}
		case <-late:
			t.Fatalf("revision %d was not heard of", want)
		}
	}
}

func TestAnEtcdThatIsNotThereIsUnavailableInTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		address func(t *testing.T) string
	}{
		{"nobody listens", freeAddress},
		{"nobody answers", func(t *testing.T) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return l.Addr().String()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Endpoints: []string{c.address(t)}, Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			closing(t, s)
			_, joinErr := s.Join(t.Context(), "g", coordination.Member{ID: "m"})
			_, campaignErr := s.Campaign(t.Context(), "e", "c")
			start := time.Now()
			for _, err := range []error{s.Ping(t.Context()), s.Announce(t.Context(), "f", 1), joinErr, campaignErr} {
				if !errors.Is(err, fc.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error is %v", err)
				}
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("two questions took %v", took)
			}
		})
	}
}

// wire is a connection to a server that can be cut.
type wire struct {
	address, to string
	listener    net.Listener

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: l.Addr().String(), to: to, listener: l}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { w.carry(c) })
		}
	})
	t.Cleanup(func() { l.Close(); w.cut(); wg.Wait() })
	return w
}

func (w *wire) carry(c net.Conn) {
	defer c.Close()
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer far.Close()
	w.mu.Lock()
	w.conns = append(w.conns, c, far)
	down := w.down
	w.mu.Unlock()
	if down {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(far, c); far.Close() })
	io.Copy(c, far)
	c.Close()
	wg.Wait()
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}
