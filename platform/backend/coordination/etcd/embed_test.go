package etcd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/fc"
)

func embedIn(t *testing.T, dir string, o Options) *Service {
	t.Helper()
	s, err := Embed(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatWasAnnouncedSurvivesARestartAndMembersDoNot(t *testing.T) {
	dir := t.TempDir()
	s := closing(t, embedIn(t, dir, Options{TTL: time.Hour, Timeout: time.Second, Log: silent}))
	if err := s.Announce(t.Context(), t.Name(), 5); err != nil {
		t.Fatal(err)
	}
	join(t, s)
	earlier := lead(t, s)
	s.closeMore() // the server goes and nothing is given back, as after a kill
	s.closeMore = func() {}

	s = closing(t, embedIn(t, dir, Options{Log: silent}))
	follow := func(ctx context.Context, seen func(int64)) error { return s.Follow(ctx, t.Name(), seen) }
	if got := first(t, follow); got != 5 {
		t.Errorf("the feed is at %d", got)
	}
	members := func(ctx context.Context, seen func([]coordination.Member)) error {
		return s.Members(ctx, t.Name(), seen)
	}
	if got := first(t, members); len(got) != 0 {
		t.Errorf("members of the earlier process are there: %v", got)
	}
	if l := lead(t, s); l.Epoch() <= earlier.Epoch() {
		t.Errorf("epoch %d follows %d", l.Epoch(), earlier.Epoch())
	}
}

// first is the first thing that is seen.
func first[T any](t *testing.T, follow func(ctx context.Context, seen func(T)) error) T {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, done := make(chan T, 1), make(chan error, 1)
	go func() {
		done <- follow(ctx, func(v T) {
			select {
			case seen <- v:
			default:
			}
		})
	}()
	select {
	case v := <-seen:
		cancel()
		if err := <-done; err != nil {
			t.Errorf("following ended with %v", err)
		}
		return v
	case <-time.After(patience):
		t.Fatal("nothing was seen")
	}
	panic("not reached")
}

func TestADirectoryIsUsedOnce(t *testing.T) {
	dir := t.TempDir()
	s := closing(t, embedIn(t, dir, Options{Log: silent}))
	if _, err := Embed(t.Context(), dir, Options{}); !errors.Is(err, fc.ErrUnavailable) {
		t.Fatalf("error is %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatalf("the first user was harmed: %v", err)
	}
}

func TestADirectoryThatCannotBeMadeIsRefused(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Embed(t.Context(), file+"/dir", Options{}); err == nil {
		t.Fatal("it was opened")
	}
}

func TestAnEmbeddedServerIsReadySoonAndQuiet(t *testing.T) {
	var log bytes.Buffer
	o := Options{Log: slog.New(slog.NewTextHandler(&log, nil))}
	best := time.Hour
	for range 3 {
		start := time.Now()
		s := embedIn(t, t.TempDir(), o)
		best = min(best, time.Since(start))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("ready in %v", best)
	if best > 2*time.Second {
		t.Errorf("it took %v to be ready", best)
	}
	if log.Len() > 0 {
		t.Errorf("it logged:\n%s", &log)
	}
}
