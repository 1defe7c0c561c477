package coordinationtest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/fc"
)

type outcome struct {
	leader coordination.Leadership
	err    error
}

// campaign campaigns in the background.
func campaign(t *testing.T, ctx context.Context, s coordination.Service, id string) <-chan outcome {
	c := make(chan outcome, 1)
	go func() {
		l, err := s.Campaign(ctx, t.Name(), id)
		c <- outcome{l, err}
	}()
	return c
}

func won(t *testing.T, c <-chan outcome) coordination.Leadership {
	t.Helper()
	select {
	case o := <-c:
		must(t, o.err)
		t.Cleanup(func() { o.leader.Resign(context.Background()) })
		return o.leader
	case <-time.After(patience):
		t.Fatal("nobody was elected")
		return nil
	}
}

func leads(t *testing.T, l coordination.Leadership) {
	t.Helper()
	select {
	case <-l.Lost():
		t.Fatal("the leadership was lost")
	default:
	}
}

var electionCases = []testCase{
	{"who campaigns alone leads until resigning", func(t *testing.T, s, _ coordination.Service) {
		l := won(t, campaign(t, t.Context(), s, "a"))
		leads(t, l)
		must(t, l.Resign(t.Context()))
		closes(t, "lost after resigning", l.Lost())
		must(t, l.Resign(t.Context()))
	}},
	{"the next one leads when the leader resigns, with a greater epoch", func(t *testing.T, s, peer coordination.Service) {
		first := won(t, campaign(t, t.Context(), s, "a"))
		waiting := campaign(t, t.Context(), peer, "b")
		leads(t, first)
		must(t, first.Resign(t.Context()))
		second := won(t, waiting)
		if second.Epoch() <= first.Epoch() {
			t.Fatalf("epoch %d follows %d", second.Epoch(), first.Epoch())
		}
		third := campaign(t, t.Context(), s, "a")
		leads(t, second)
		must(t, second.Resign(t.Context()))
		if l := won(t, third); l.Epoch() <= second.Epoch() {
			t.Fatalf("epoch %d follows %d", l.Epoch(), second.Epoch())
		}
	}},
	{"a leadership ends with the ctx it was won under", func(t *testing.T, s, peer coordination.Service) {
		ctx, cancel := context.WithCancel(t.Context())
		l := won(t, campaign(t, ctx, s, "a"))
		waiting := campaign(t, t.Context(), peer, "b")
		cancel()
		closes(t, "lost after its ctx", l.Lost())
		won(t, waiting)
	}},
	{"who gives up waiting gets the error of its ctx and holds up nobody", func(t *testing.T, s, peer coordination.Service) {
		leader := won(t, campaign(t, t.Context(), s, "a"))
		ctx, cancel := context.WithCancel(t.Context())
		waiting := campaign(t, ctx, peer, "b")
		last := campaign(t, t.Context(), peer, "c")
		cancel()
		o := <-waiting
		wantKind(t, o.err, context.Canceled)
		must(t, leader.Resign(t.Context()))
		won(t, last)
	}},
	{"never do two lead at once", neverTwo},
	{"elections do not mix, whatever their names", func(t *testing.T, s, _ coordination.Service) {
		won(t, campaign(t, t.Context(), s, "a"))
		for _, other := range []string{t.Name() + "/a", t.Name() + "2"} {
			l, err := s.Campaign(t.Context(), other, "a")
			must(t, err)
			must(t, l.Resign(t.Context()))
		}
	}},
	{"closing a service ends its leaderships and its campaigns", func(t *testing.T, s, peer coordination.Service) {
		l := won(t, campaign(t, t.Context(), s, "a"))
		own, next := campaign(t, t.Context(), s, "b"), campaign(t, t.Context(), peer, "c")
		must(t, s.Close())
		closes(t, "lost after closing", l.Lost())
		select {
		case o := <-own:
			wantKind(t, o.err, fc.ErrUnavailable)
		case <-time.After(patience):
			t.Fatal("the campaign went on")
		}
		won(t, next)
	}},
	{"elections and candidates need names", func(t *testing.T, s, _ coordination.Service) {
		_, err := s.Campaign(t.Context(), "", "a")
		wantKind(t, err, fc.ErrInvalid)
		_, err = s.Campaign(t.Context(), t.Name(), "")
		wantKind(t, err, fc.ErrInvalid)
	}},
}

func neverTwo(t *testing.T, s, peer coordination.Service) {
	var leading atomic.Int32
	var mu sync.Mutex
	var epochs []int64
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for range 3 {
				l, err := []coordination.Service{s, peer}[i%2].Campaign(t.Context(), t.Name(), string(rune('a'+i)))
				if err != nil {
					t.Error(err)
					return
				}
				if n := leading.Add(1); n != 1 {
					t.Errorf("%d lead", n)
				}
				if err := s.Ping(t.Context()); err != nil { // lead for a while
					t.Error(err)
				}
				mu.Lock()
				epochs = append(epochs, l.Epoch())
				mu.Unlock()
				leading.Add(-1)
				if err := l.Resign(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := 1; i < len(epochs); i++ {
		if epochs[i] <= epochs[i-1] {
			t.Fatalf("epochs do not grow: %v", epochs)
		}
	}
}

var serviceCases = []testCase{
	{"a service that is open answers", func(t *testing.T, s, _ coordination.Service) {
		must(t, s.Ping(t.Context()))
	}},
	{"a question ends with its ctx", func(t *testing.T, s, _ coordination.Service) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantKind(t, s.Ping(ctx), context.Canceled)
		wantKind(t, s.Announce(ctx, t.Name(), 1), context.Canceled)
		_, err := s.Join(ctx, t.Name(), coordination.Member{ID: "a"})
		wantKind(t, err, context.Canceled)
		_, err = s.Campaign(ctx, t.Name(), "a")
		wantKind(t, err, context.Canceled)
	}},
	{"a closed service is unavailable and may be closed again", func(t *testing.T, s, _ coordination.Service) {
		following := make(chan error, 1)
		go func() { following <- s.Follow(context.Background(), t.Name(), func(int64) {}) }()
		must(t, s.Close())
		must(t, s.Close())
		wantKind(t, <-following, fc.ErrUnavailable)
		wantKind(t, s.Ping(t.Context()), fc.ErrUnavailable)
		wantKind(t, s.Announce(t.Context(), t.Name(), 1), fc.ErrUnavailable)
		_, err := s.Join(t.Context(), t.Name(), coordination.Member{ID: "a"})
		wantKind(t, err, fc.ErrUnavailable)
		_, err = s.Campaign(t.Context(), t.Name(), "a")
		wantKind(t, err, fc.ErrUnavailable)
	}},
}
