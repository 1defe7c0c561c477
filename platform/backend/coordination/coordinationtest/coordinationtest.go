// Package coordinationtest is the suite of the coordination contract. What happens when
// a process dies or a connection breaks is left to the tests of an implementation,
// which knows how to make it happen.
package coordinationtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/coordination"
)

// patience is how long something that must happen is waited for.
const patience = 20 * time.Second

// Test runs the suite. Every call of connect is one more process of the same
// installation; it is closed when the test ends.
func Test(t *testing.T, connect func(t *testing.T) coordination.Service) {
	for _, cases := range [][]testCase{feedCases, memberCases, electionCases, serviceCases} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { c.run(t, connect(t), connect(t)) })
		}
	}
}

// testCase runs with two processes of one installation. Names of feeds, groups and
// elections are made out of the test's.
type testCase struct {
	name string
	run  func(t *testing.T, s, peer coordination.Service)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
}

// record keeps what a callback said, in order.
type record[T any] struct {
	mu   sync.Mutex
	said []T
	more chan struct{} // closed and replaced when something is said
}

func newRecord[T any]() *record[T] { return &record[T]{more: make(chan struct{})} }

func (r *record[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, v)
	close(r.more)
	r.more = make(chan struct{})
}

func (r *record[T]) all() ([]T, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]T{}, r.said...), r.more
}

// await waits until the last thing that was said is ok.
func (r *record[T]) await(t *testing.T, what string, ok func(T) bool) {
	t.Helper()
	late := time.After(patience)
	for {
		said, more := r.all()
		if len(said) > 0 && ok(said[len(said)-1]) {
			return
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("%s: waited in vain, heard %+v", what, said)
		}
	}
}

// closes waits until c is closed.
func closes(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: waited in vain", what)
	}
}

// background runs f until the test ends and wants it to return nil or the error of its
// ctx then.
func background(t *testing.T, f func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("did not end with its ctx")
		}
	})
	t.Cleanup(stop)
	return stop
}

func names(members []coordination.Member) string {
	s := ""
	for _, m := range members {
		s += fmt.Sprintf("%s@%s ", m.ID, m.Address)
	}
	return s
}
