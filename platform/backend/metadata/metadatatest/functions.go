package metadatatest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

var functionCases = []testCase{
	{"a function comes back as it was created", func(t *testing.T, s metadata.Store) {
		f := function(account, "f")
		must(t, s.CreateFunction(t.Context(), f))
		got, err := s.Function(t.Context(), account, "f")
		must(t, err)
		equal(t, "function", got, f)
	}},
	{"a bare function comes back bare", func(t *testing.T, s metadata.Store) {
		f := &fc.Function{Account: account, Name: "f"}
		must(t, s.CreateFunction(t.Context(), f))
		got, err := s.Function(t.Context(), account, "f")
		must(t, err)
		equal(t, "function", got, f)
	}},
	{"a name is taken once per account and in any spelling of its own", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f", "F")
		create(t, s, other, "f")
		again := function(account, "f")
		again.Description = "another"
		err := s.CreateFunction(t.Context(), again)
		wantKind(t, err, fc.ErrFunctionExists)
		equal(t, "revision after a refusal", again.Revision, int64(0))
		got, err := s.Function(t.Context(), account, "f")
		must(t, err)
		equal(t, "description", got.Description, function(account, "f").Description)
	}},
	{"what is not there is ErrFunctionNotFound", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		for _, name := range []string{"g", "", "f ", "f\x00", "\xff", "f' OR '1'='1", "f?"} {
			_, err := s.Function(t.Context(), account, name)
			wantKind(t, err, fc.ErrFunctionNotFound)
			wantKind(t, s.DeleteFunction(t.Context(), account, name), fc.ErrFunctionNotFound)
			_, err = s.UpdateFunction(t.Context(), account, name, func(*fc.Function) error {
				t.Error("change was called")
				return nil
			})
			wantKind(t, err, fc.ErrFunctionNotFound)
		}
		_, err := s.Function(t.Context(), other, "f")
		wantKind(t, err, fc.ErrFunctionNotFound)
	}},
	{"objects given in are not kept and those handed out are the caller's", func(t *testing.T, s metadata.Store) {
		f := function(account, "f")
		must(t, s.CreateFunction(t.Context(), f))
		f.Env["PASSWORD"], f.Tags[0].Value = "changed", "changed"
		var kept *fc.Function
		updated, err := s.UpdateFunction(t.Context(), account, "f", func(f *fc.Function) error {
			kept = f
			return nil
		})
		must(t, err)
		updated.Env["PASSWORD"], kept.Custom.Port = "changed", 1
		read, err := s.Function(t.Context(), account, "f")
		must(t, err)
		read.Env["PASSWORD"] = "changed"
		got, err := s.Function(t.Context(), account, "f")
		must(t, err)
		want := function(account, "f")
		want.Revision = updated.Revision
		equal(t, "function", got, want)
	}},
	{"an update changes what it says and returns the outcome", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		want := function(account, "f")
		before, err := s.Function(t.Context(), account, "f")
		must(t, err)
		got, err := s.UpdateFunction(t.Context(), account, "f", func(f *fc.Function) error {
			equal(t, "function given to change", f, before)
			f.Description, f.Env, f.Custom = "new", map[string]string{"A": "B"}, nil
			return nil
		})
		must(t, err)
		want.Description, want.Env, want.Custom, want.Revision = "new", map[string]string{"A": "B"}, nil, got.Revision
		equal(t, "returned function", got, want)
		if got.Revision <= before.Revision {
			t.Fatalf("revision went from %d to %d", before.Revision, got.Revision)
		}
		read, err := s.Function(t.Context(), account, "f")
		must(t, err)
		equal(t, "stored function", read, want)
	}},
	{"environment variables that are taken away are gone", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		_, err := s.UpdateFunction(t.Context(), account, "f", func(f *fc.Function) error {
			f.Env = nil
			return nil
		})
		must(t, err)
		got, err := s.Function(t.Context(), account, "f")
		must(t, err)
		equal(t, "environment", len(got.Env), 0)
	}},
	{"the error of a change ends the update, untouched", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		before, err := s.Function(t.Context(), account, "f")
		must(t, err)
		refuse := errors.New("refuse")
		got, err := s.UpdateFunction(t.Context(), account, "f", func(f *fc.Function) error {
			f.Description = "never"
			return refuse
		})
		if err != refuse || got != nil {
			t.Fatalf("update returned %v, %v; want exactly the error of change", got, err)
		}
		after, err := s.Function(t.Context(), account, "f")
		must(t, err)
		equal(t, "function", after, before)
		last, err := s.Revision(t.Context())
		must(t, err)
		equal(t, "revision", last, before.Revision)
	}},
	{"a change that panics leaves the store usable", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not reach the caller")
				}
			}()
			s.UpdateFunction(t.Context(), account, "f", func(*fc.Function) error { panic("oops") })
		}()
		create(t, s, account, "g")
	}},
	{"an update cannot rename", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		_, err := s.UpdateFunction(t.Context(), account, "f", func(f *fc.Function) error {
			f.Name = "g"
			return nil
		})
		wantKind(t, err, fc.ErrInvalid)
		_, err = s.Function(t.Context(), account, "g")
		wantKind(t, err, fc.ErrFunctionNotFound)
	}},
	{"concurrent updates all take effect", concurrentUpdates},
	{"of concurrent creations of one name a single one succeeds", concurrentCreations},
	{"a deleted function is gone and its name is free again", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f", "g")
		must(t, s.DeleteFunction(t.Context(), account, "f"))
		_, err := s.Function(t.Context(), account, "f")
		wantKind(t, err, fc.ErrFunctionNotFound)
		wantKind(t, s.DeleteFunction(t.Context(), account, "f"), fc.ErrFunctionNotFound)
		create(t, s, account, "f")
		_, err = s.Function(t.Context(), account, "g")
		must(t, err)
	}},
}

func concurrentUpdates(t *testing.T, s metadata.Store) {
	create(t, s, account, "f")
	const writers, rounds = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for r := range rounds {
				_, err := s.UpdateFunction(t.Context(), account, "f", func(f *fc.Function) error {
					f.DiskMB++
					f.Env[fmt.Sprintf("W%d", w)] = fmt.Sprint(r)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f, err := s.Function(t.Context(), account, "f")
	must(t, err)
	equal(t, "sum of updates", f.DiskMB, function(account, "f").DiskMB+writers*rounds)
	for w := range writers {
		equal(t, fmt.Sprintf("last word of writer %d", w), f.Env[fmt.Sprintf("W%d", w)], fmt.Sprint(rounds-1))
	}
}

func concurrentCreations(t *testing.T, s metadata.Store) {
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() { errs <- s.CreateFunction(t.Context(), function(account, "f")) }()
	}
	created := 0
	for range cap(errs) {
		switch err := <-errs; {
		case err == nil:
			created++
		case !errors.Is(err, fc.ErrFunctionExists):
			t.Errorf("creation: %v", err)
		}
	}
	equal(t, "creations that succeeded", created, 1)
}
