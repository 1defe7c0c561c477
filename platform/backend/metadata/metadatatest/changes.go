package metadatatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

var changeCases = []testCase{
	{"an empty store is at revision 0", func(t *testing.T, s metadata.Store) {
		last, err := s.Revision(t.Context())
		must(t, err)
		equal(t, "revision", last, int64(0))
		list, err := s.ListChanges(t.Context(), 0, 10)
		must(t, err)
		equal(t, "changes", len(list), 0)
	}},
	{"every change is logged with the revision of its object", func(t *testing.T, s metadata.Store) {
		must(t, s.CreateAccount(t.Context(), &fc.Account{ID: account}))
		k, f, x := accessKey("k", account), function(account, "f"), trigger(account, "f", "t")
		must(t, s.CreateAccessKey(t.Context(), k))
		must(t, s.CreateFunction(t.Context(), f))
		must(t, s.CreateTrigger(t.Context(), x))
		f2, err := s.UpdateFunction(t.Context(), account, "f", func(*fc.Function) error { return nil })
		must(t, err)
		x2, err := s.UpdateTrigger(t.Context(), account, "f", "t", func(*fc.Trigger) error { return nil })
		must(t, err)
		got, err := s.ListChanges(t.Context(), 0, 100)
		must(t, err)
		equal(t, "changes", got, []metadata.Change{
			{Revision: k.Revision, Kind: metadata.AccessKeyChanged, Account: account, Name: "k"},
			{Revision: f.Revision, Kind: metadata.FunctionChanged, Account: account, Function: "f"},
			{Revision: x.Revision, Kind: metadata.TriggerChanged, Account: account, Function: "f", Name: "t"},
			{Revision: f2.Revision, Kind: metadata.FunctionChanged, Account: account, Function: "f"},
			{Revision: x2.Revision, Kind: metadata.TriggerChanged, Account: account, Function: "f", Name: "t"},
		})
		last, err := s.Revision(t.Context())
		must(t, err)
		equal(t, "revision", last, x2.Revision)
	}},
	{"the deletion of a trigger is logged", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		x := trigger(account, "f", "t")
		must(t, s.CreateTrigger(t.Context(), x))
		must(t, s.DeleteTrigger(t.Context(), account, "f", "t"))
		got, err := s.ListChanges(t.Context(), x.Revision, 100)
		must(t, err)
		equal(t, "number of changes", len(got), 1)
		got[0].Revision = 0
		equal(t, "change", got[0], metadata.Change{
			Kind: metadata.TriggerChanged, Account: account, Function: "f", Name: "t",
		})
	}},
	{"the deletion of a function is logged for it and each of its triggers", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f", "g")
		addTriggers(t, s, account, "f", "t", "u")
		addTriggers(t, s, account, "g", "t")
		before, err := s.Revision(t.Context())
		must(t, err)
		must(t, s.DeleteFunction(t.Context(), account, "f"))
		got, err := s.ListChanges(t.Context(), before, 100)
		must(t, err)
		said := []string{}
		for _, c := range got {
			said = append(said, fmt.Sprint(c.Kind, " ", c.Account, " ", c.Function, ".", c.Name))
		}
		slices.Sort(said)
		equal(t, "changes", said, []string{
			"function " + account + " f.", "trigger " + account + " f.t", "trigger " + account + " f.u",
		})
	}},
	{"what was refused is not logged", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		before, err := s.Revision(t.Context())
		must(t, err)
		wantKind(t, s.CreateFunction(t.Context(), function(account, "f")), fc.ErrFunctionExists)
		wantKind(t, s.DeleteFunction(t.Context(), account, "g"), fc.ErrFunctionNotFound)
		wantKind(t, s.CreateTrigger(t.Context(), trigger(account, "g", "t")), fc.ErrFunctionNotFound)
		after, err := s.Revision(t.Context())
		must(t, err)
		equal(t, "revision", after, before)
	}},
	{"changes are listed from a revision on, limited", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "a", "b", "c", "d")
		all, err := s.ListChanges(t.Context(), 0, 100)
		must(t, err)
		some, err := s.ListChanges(t.Context(), all[0].Revision, 2)
		must(t, err)
		equal(t, "changes", some, all[1:3])
		none, err := s.ListChanges(t.Context(), all[3].Revision, 2)
		must(t, err)
		equal(t, "changes after the last", len(none), 0)
	}},
	{"a revision that was used by a deleted object is not used again", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		must(t, s.DeleteFunction(t.Context(), account, "f"))
		last, err := s.Revision(t.Context())
		must(t, err)
		f := function(account, "f")
		must(t, s.CreateFunction(t.Context(), f))
		if f.Revision <= last {
			t.Fatalf("revision %d was given after %d", f.Revision, last)
		}
	}},
	{"a listed revision is followed by no smaller new one", followConcurrentWrites},
}

// followConcurrentWrites reads the log as a follower does, each time from the last
// revision it saw. If a smaller one were committed later, it would miss that change.
func followConcurrentWrites(t *testing.T, s metadata.Store) {
	const writers, each = 6, 15
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					f := function(account, fmt.Sprintf("f-%d-%d", w, i))
					if err := s.CreateFunction(t.Context(), f); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}()
	seen, last := map[string]bool{}, int64(0)
	for ended := false; ; {
		select {
		case <-done:
			ended = true
		default:
		}
		list, err := s.ListChanges(t.Context(), last, 7)
		if err != nil {
			t.Error(err)
			break
		}
		for _, c := range list {
			if c.Revision <= last {
				t.Errorf("revision %d was listed after %d", c.Revision, last)
			}
			last = c.Revision
			seen[c.Function] = true
			if f, err := s.Function(t.Context(), account, c.Function); err != nil || f.Revision != c.Revision {
				t.Errorf("function of change %d: %+v, %v", c.Revision, f, err)
			}
		}
		if ended && len(list) == 0 {
			break
		}
	}
	<-done
	equal(t, "changes that the follower saw", len(seen), writers*each)
}

var callCases = []testCase{
	{"a store that is open answers", func(t *testing.T, s metadata.Store) {
		must(t, s.Ping(t.Context()))
	}},
	{"a call ends with its context and changes nothing", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Function(ctx, account, "f")
		wantKind(t, err, context.Canceled)
		_, err = s.ListChanges(ctx, 0, 1)
		wantKind(t, err, context.Canceled)
		wantKind(t, s.CreateFunction(ctx, function(account, "g")), context.Canceled)
		wantKind(t, s.DeleteFunction(ctx, account, "f"), context.Canceled)
		list, err := s.ListFunctions(t.Context(), metadata.Query{Account: account})
		must(t, err)
		equal(t, "functions", functionNames(list), []string{"f"})
	}},
	{"a write that waits for another one ends with its context", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.UpdateFunction(t.Context(), account, "f", func(f *fc.Function) error {
			failed := make(chan error)
			go func() { failed <- s.CreateFunction(ctx, function(account, "g")) }()
			cancel()
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("waiting write: %v", err)
			}
			f.Description = "through"
			return nil
		})
		must(t, err)
		got, err := s.Function(t.Context(), account, "f")
		must(t, err)
		equal(t, "description", got.Description, "through")
	}},
	{"reads go on while a write is under way, and see what was there before", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		_, err := s.UpdateFunction(t.Context(), account, "f", func(f *fc.Function) error {
			f.Description = "new"
			got, err := s.Function(t.Context(), account, "f")
			if err != nil || got.Description == "new" {
				t.Errorf("read beside the write: %+v, %v", got, err)
			}
			return nil
		})
		must(t, err)
	}},
	{"a closed store refuses", func(t *testing.T, s metadata.Store) {
		must(t, s.Close())
		if err := s.Ping(t.Context()); err == nil {
			t.Error("ping succeeded")
		}
		if err := s.CreateFunction(t.Context(), function(account, "f")); err == nil {
			t.Error("creation succeeded")
		}
	}},
}
