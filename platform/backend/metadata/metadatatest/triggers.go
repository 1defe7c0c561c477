package metadatatest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

func addTriggers(t *testing.T, s metadata.Store, account, function string, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, s.CreateTrigger(t.Context(), trigger(account, function, name)))
	}
}

var triggerCases = []testCase{
	{"a trigger comes back as it was created", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		x := trigger(account, "f", "t")
		must(t, s.CreateTrigger(t.Context(), x))
		got, err := s.Trigger(t.Context(), account, "f", "t")
		must(t, err)
		equal(t, "trigger", got, x)
	}},
	{"a trigger needs its function", func(t *testing.T, s metadata.Store) {
		create(t, s, other, "f")
		wantKind(t, s.CreateTrigger(t.Context(), trigger(account, "f", "t")), fc.ErrFunctionNotFound)
		_, err := s.Trigger(t.Context(), account, "f", "t")
		wantKind(t, err, fc.ErrFunctionNotFound)
		wantKind(t, s.DeleteTrigger(t.Context(), account, "f", "t"), fc.ErrFunctionNotFound)
		_, err = s.UpdateTrigger(t.Context(), account, "f", "t", func(*fc.Trigger) error { return nil })
		wantKind(t, err, fc.ErrFunctionNotFound)
		for _, a := range []string{account, ""} {
			_, err = s.ListTriggers(t.Context(), "f", metadata.Query{Account: a})
			wantKind(t, err, fc.ErrFunctionNotFound)
		}
	}},
	{"what is not there is ErrTriggerNotFound", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f", "g")
		addTriggers(t, s, account, "f", "t")
		_, err := s.Trigger(t.Context(), account, "g", "t")
		wantKind(t, err, fc.ErrTriggerNotFound)
		wantKind(t, s.DeleteTrigger(t.Context(), account, "g", "t"), fc.ErrTriggerNotFound)
		_, err = s.UpdateTrigger(t.Context(), account, "g", "t", func(*fc.Trigger) error { return nil })
		wantKind(t, err, fc.ErrTriggerNotFound)
	}},
	{"a name is taken once per function", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f", "g")
		addTriggers(t, s, account, "f", "t")
		addTriggers(t, s, account, "g", "t")
		wantKind(t, s.CreateTrigger(t.Context(), trigger(account, "f", "t")), fc.ErrTriggerExists)
	}},
	{"a subdomain is taken once in the installation", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		create(t, s, other, "g")
		addTriggers(t, s, account, "f", "t")
		addTriggers(t, s, other, "g", "u")
		taken := trigger(account, "f", "t").Subdomain
		x := trigger(other, "g", "x")
		x.Subdomain = taken
		wantKind(t, s.CreateTrigger(t.Context(), x), fc.ErrConflict)
		equal(t, "revision after a refusal", x.Revision, int64(0))
		_, err := s.UpdateTrigger(t.Context(), other, "g", "u", func(u *fc.Trigger) error {
			u.Subdomain = taken
			return nil
		})
		wantKind(t, err, fc.ErrConflict)
		must(t, s.DeleteTrigger(t.Context(), account, "f", "t"))
		must(t, s.CreateTrigger(t.Context(), x))
	}},
	{"triggers without a subdomain do not conflict", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		for _, name := range []string{"t", "u"} {
			x := trigger(account, "f", name)
			x.Subdomain = ""
			must(t, s.CreateTrigger(t.Context(), x))
		}
	}},
	{"an update changes what it says and keeps its own subdomain", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		x := trigger(account, "f", "t")
		must(t, s.CreateTrigger(t.Context(), x))
		got, err := s.UpdateTrigger(t.Context(), account, "f", "t", func(x *fc.Trigger) error {
			x.Description, x.HTTP = "new", nil
			return nil
		})
		must(t, err)
		if got.Revision <= x.Revision {
			t.Fatalf("revision went from %d to %d", x.Revision, got.Revision)
		}
		x.Description, x.HTTP, x.Revision = "new", nil, got.Revision
		equal(t, "returned trigger", got, x)
		read, err := s.Trigger(t.Context(), account, "f", "t")
		must(t, err)
		equal(t, "stored trigger", read, x)
	}},
	{"the error of a change ends the update, untouched", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		addTriggers(t, s, account, "f", "t")
		refuse := errors.New("refuse")
		_, err := s.UpdateTrigger(t.Context(), account, "f", "t", func(x *fc.Trigger) error {
			x.Description = "never"
			return refuse
		})
		if err != refuse {
			t.Fatalf("error is %v, want exactly the error of change", err)
		}
		got, err := s.Trigger(t.Context(), account, "f", "t")
		must(t, err)
		equal(t, "description", got.Description, "d")
	}},
	{"an update cannot rename", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f", "g")
		addTriggers(t, s, account, "f", "t")
		_, err := s.UpdateTrigger(t.Context(), account, "f", "t", func(x *fc.Trigger) error {
			x.Function = "g"
			return nil
		})
		wantKind(t, err, fc.ErrInvalid)
	}},
	{"concurrent updates all take effect", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f")
		addTriggers(t, s, account, "f", "t")
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				_, err := s.UpdateTrigger(t.Context(), account, "f", "t", func(x *fc.Trigger) error {
					x.HTTP.Methods = append(x.HTTP.Methods, fmt.Sprint("M", i))
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, err := s.Trigger(t.Context(), account, "f", "t")
		must(t, err)
		equal(t, "number of methods", len(got.HTTP.Methods), 1+20)
	}},
	{"triggers are listed by function and by name", listTriggers},
	{"a deleted function takes its triggers along, and no others", func(t *testing.T, s metadata.Store) {
		create(t, s, account, "f", "g")
		create(t, s, other, "f")
		addTriggers(t, s, account, "f", "t", "u")
		addTriggers(t, s, account, "g", "t")
		addTriggers(t, s, other, "f", "t")
		must(t, s.DeleteFunction(t.Context(), account, "f"))
		_, err := s.Trigger(t.Context(), account, "f", "t")
		wantKind(t, err, fc.ErrFunctionNotFound)
		create(t, s, account, "f")
		list, err := s.ListTriggers(t.Context(), "f", metadata.Query{Account: account})
		must(t, err)
		equal(t, "triggers of the new function", triggerNames(list), []string{})
		list, err = s.ListTriggers(t.Context(), "", metadata.Query{})
		must(t, err)
		equal(t, "triggers that stay", triggerNames(list), []string{"g.t", "f.t"})
		addTriggers(t, s, account, "f", "t")
	}},
}

func listTriggers(t *testing.T, s metadata.Store) {
	create(t, s, account, "f", "g", "h")
	create(t, s, other, "a")
	addTriggers(t, s, account, "f", "b", "a", "ab", "B")
	addTriggers(t, s, account, "g", "a", "z")
	addTriggers(t, s, other, "a", "a")
	cases := []struct {
		name     string
		function string
		q        metadata.Query
		want     []string
	}{
		{"of a function", "f", metadata.Query{Account: account}, []string{"f.B", "f.a", "f.ab", "f.b"}},
		{"of a function without", "h", metadata.Query{Account: account}, []string{}},
		{"by prefix", "f", metadata.Query{Account: account, Prefix: "a"}, []string{"f.a", "f.ab"}},
		{"after a name, limited", "f", metadata.Query{Account: account, After: "a", Limit: 1}, []string{"f.ab"}},
		{"after the last", "f", metadata.Query{Account: account, After: "b"}, []string{}},
		{"of an account", "", metadata.Query{Account: account},
			[]string{"f.B", "f.a", "f.ab", "f.b", "g.a", "g.z"}},
		{"all there are", "", metadata.Query{},
			[]string{"f.B", "f.a", "f.ab", "f.b", "g.a", "g.z", "a.a"}},
		{"of an account without", "", metadata.Query{Account: "x"}, []string{}},
	}
	for _, c := range cases {
		list, err := s.ListTriggers(t.Context(), c.function, c.q)
		must(t, err)
		equal(t, c.name, triggerNames(list), c.want)
	}
}
