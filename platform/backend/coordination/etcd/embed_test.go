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
	first := lead(t, s)
	s.closeMore() // the server goes and nothing is given back, as after a kill
	s.closeMore = func() {}

	s = closing(t, embedIn(t, dir, Options{Log: silent}))
	heard := make(chan int64, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Follow(ctx, t.Name(), func(r int64) { heard <- r }) }()
	awaitRevision(t, heard, 5)
	cancel()
	<-done
	counts := make(chan int, 10)
	ctx, cancel = context.WithCancel(t.Context())
	go func() { done <- s.Members(ctx, t.Name(), func(m []coordination.Member) { counts <- len(m) }) }()
	if n := <-counts; n != 0 {
		t.Errorf("%d members of the earlier process are there", n)
	}
	cancel()
	<-done
	if l := lead(t, s); l.Epoch() <= first.Epoch() {
		t.Errorf("epoch %d follows %d", l.Epoch(), first.Epoch())
	}
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
