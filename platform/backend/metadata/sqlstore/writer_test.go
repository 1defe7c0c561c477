package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

// batch lets the given writes wait behind another one, so that they share the next
// transaction, and returns their errors. A write that panics gives its panic as text.
func batch(t *testing.T, s *Store, writes ...func() error) []error {
	t.Helper()
	begun, goOn := make(chan struct{}), make(chan struct{})
	blocker := make(chan error, 1)
	go func() {
		_, err := s.UpdateFunction(t.Context(), "1", "f", func(*fc.Function) error {
			close(begun)
			<-goOn
			return nil
		})
		blocker <- err
	}()
	<-begun
	errs := make([]error, len(writes))
	done := make(chan struct{})
	for i, write := range writes {
		go func() {
			defer func() {
				if r := recover(); r != nil {
					errs[i] = fmt.Errorf("panic: %v", r)
				}
				done <- struct{}{}
			}()
			errs[i] = write()
		}()
		for waiting := 0; waiting <= i; runtime.Gosched() {
			s.writer.mu.Lock()
			waiting = len(s.writer.waiting)
			s.writer.mu.Unlock()
		}
	}
	close(goOn)
	for range writes {
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("a write did not end")
		}
	}
	if err := <-blocker; err != nil {
		t.Fatal(err)
	}
	return errs
}

func openForBatch(t *testing.T) *Store {
	t.Helper()
	s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "m.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.CreateFunction(t.Context(), &fc.Function{Account: "1", Name: "f"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Store) creating(ctx context.Context, name string) func() error {
	return func() error { return s.CreateFunction(ctx, &fc.Function{Account: "1", Name: name}) }
}

func (s *Store) updating(ctx context.Context, change func(*fc.Function) error) func() error {
	return func() error {
		_, err := s.UpdateFunction(ctx, "1", "f", change)
		return err
	}
}

func TestOfWritesThatShareATransactionEachFailsAlone(t *testing.T) {
	s := openForBatch(t)
	refuse := errors.New("refuse")
	errs := batch(t, s,
		s.creating(t.Context(), "a"),
		s.creating(t.Context(), "a"),
		s.updating(t.Context(), func(f *fc.Function) error { f.DiskMB = 7; return nil }),
		s.updating(t.Context(), func(f *fc.Function) error { f.DiskMB = 8; return refuse }),
		s.updating(t.Context(), func(f *fc.Function) error { f.DiskMB = 9; panic("oops") }),
		s.creating(t.Context(), "b"),
	)
	for i, want := range []string{"<nil>", fc.ErrFunctionExists.Error(), "<nil>", "refuse", "panic: oops", "<nil>"} {
		if got := fmt.Sprint(errs[i]); got != want {
			t.Errorf("write %d: %s, want %s", i, got, want)
		}
	}
	list, err := s.ListFunctions(t.Context(), metadata.Query{Account: "1"})
	if err != nil || len(list) != 3 || list[2].DiskMB != 7 {
		t.Fatalf("functions %+v, %v", list, err)
	}
	changes, err := s.ListChanges(t.Context(), 0, 0)
	if err != nil || len(changes) != 1+1+3 {
		t.Fatalf("changes %+v, %v", changes, err)
	}
	for i := 1; i < len(changes); i++ {
		if changes[i].Revision <= changes[i-1].Revision {
			t.Fatalf("changes %+v", changes)
		}
	}
}

func TestAChangeThatEndsItsGoroutineHoldsUpNobody(t *testing.T) {
	s := openForBatch(t)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		s.UpdateFunction(t.Context(), "1", "f", func(*fc.Function) error {
			runtime.Goexit()
			return nil
		})
	}()
	<-gone
	if err := s.creating(t.Context(), "a")(); err != nil {
		t.Fatal(err)
	}
}

func TestAWriteWhoseCtxEndsWhileItWaitsIsNotCarriedOut(t *testing.T) {
	s := openForBatch(t)
	ctx, cancel := context.WithCancel(t.Context())
	errs := batch(t, s,
		s.creating(t.Context(), "a"),
		s.updating(t.Context(), func(*fc.Function) error { cancel(); return nil }),
		s.creating(ctx, "c"),
	)
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], context.Canceled) {
		t.Fatalf("errors are %v", errs)
	}
	if _, err := s.Function(t.Context(), "1", "c"); !errors.Is(err, fc.ErrFunctionNotFound) {
		t.Errorf("c: %v", err)
	}
}

func TestMoreWritesThanABatchHoldsAllEnd(t *testing.T) {
	s := openForBatch(t)
	var writes []func() error
	for i := range 2*batchLimit + 5 {
		writes = append(writes, s.creating(t.Context(), fmt.Sprint("n", i)))
	}
	if err := errors.Join(batch(t, s, writes...)...); err != nil {
		t.Fatal(err)
	}
}
