package metadatatest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

var listCases = []testCase{
	{"an empty store lists nothing", func(t *testing.T, s metadata.Store) {
		for _, q := range []metadata.Query{{}, {Account: account}} {
			list, err := s.ListFunctions(t.Context(), q)
			must(t, err)
			equal(t, "functions", len(list), 0)
		}
	}},
	{"a query selects by prefix, after and limit, in byte order", selectByQuery},
	{"a list holds whole functions", func(t *testing.T, s metadata.Store) {
		f := function(account, "f")
		must(t, s.CreateFunction(t.Context(), f))
		list, err := s.ListFunctions(t.Context(), metadata.Query{Account: account})
		must(t, err)
		equal(t, "list", list, []*fc.Function{f})
	}},
	{"every account's functions are listed by account, then name", func(t *testing.T, s metadata.Store) {
		create(t, s, other, "a", "c")
		create(t, s, account, "b", "z")
		list, err := s.ListFunctions(t.Context(), metadata.Query{After: "m"})
		must(t, err)
		equal(t, "functions", functionNames(list), []string{"b", "z", "a", "c"})
		list, err = s.ListFunctions(t.Context(), metadata.Query{Limit: 3})
		must(t, err)
		equal(t, "functions", functionNames(list), []string{"b", "z", "a"})
	}},
	{"pages of a list miss and repeat nothing while others come and go", stablePages},
}

func selectByQuery(t *testing.T, s metadata.Store) {
	create(t, s, account, "b", "a", "B", "a-1", "a_1", "aa", "a%", "ab", "你", "a\U0010FFFF", "10", "9")
	create(t, s, other, "a", "x")
	all := []string{"10", "9", "B", "a", "a%", "a-1", "a_1", "aa", "ab", "a\U0010FFFF", "b", "你"}
	cases := []struct {
		name string
		q    metadata.Query
		want []string
	}{
		{"everything", metadata.Query{}, all},
		{"a prefix", metadata.Query{Prefix: "a"}, all[3:10]},
		{"a prefix is taken literally", metadata.Query{Prefix: "a_"}, []string{"a_1"}},
		{"a prefix with a percent sign", metadata.Query{Prefix: "a%"}, []string{"a%"}},
		{"the case of a prefix counts", metadata.Query{Prefix: "A"}, []string{}},
		{"the last of all characters", metadata.Query{Prefix: "a\U0010FFFF"}, []string{"a\U0010FFFF"}},
		{"a prefix longer than any name", metadata.Query{Prefix: "aaaaaaaa"}, []string{}},
		{"after a name", metadata.Query{After: "aa"}, all[8:]},
		{"after a name that is not there", metadata.Query{After: "a0"}, all[6:]},
		{"after the last", metadata.Query{After: "你"}, []string{}},
		{"a limit", metadata.Query{Limit: 2}, all[:2]},
		{"a limit above the number", metadata.Query{Limit: 100}, all},
		{"all three", metadata.Query{Prefix: "a", After: "a%", Limit: 2}, all[5:7]},
		{"after a name below the prefix", metadata.Query{Prefix: "b", After: "a"}, []string{"b"}},
		{"quotes do no harm", metadata.Query{Prefix: `'"; DROP TABLE functions; --`}, []string{}},
	}
	for _, c := range cases {
		c.q.Account = account
		list, err := s.ListFunctions(t.Context(), c.q)
		must(t, err)
		equal(t, c.name, functionNames(list), c.want)
	}
}

// stablePages reads page after page while a writer adds and removes names between the
// ones that stay.
func stablePages(t *testing.T, s metadata.Store) {
	const stay = 30
	for i := range stay {
		create(t, s, account, fmt.Sprintf("stay-%02d", i))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name := fmt.Sprintf("stay-%02d-comes", i%stay)
			if err := s.CreateFunction(t.Context(), function(account, name)); err != nil {
				t.Error(err)
				return
			}
			if err := s.DeleteFunction(t.Context(), account, name); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	for range 5 {
		seen, after := map[string]int{}, ""
		for {
			list, err := s.ListFunctions(t.Context(), metadata.Query{Account: account, After: after, Limit: 4})
			must(t, err)
			if len(list) == 0 {
				break
			}
			for _, f := range list {
				if f.Name <= after {
					t.Fatalf("%q was listed after %q", f.Name, after)
				}
				after = f.Name
				seen[f.Name]++
			}
		}
		for i := range stay {
			if name := fmt.Sprintf("stay-%02d", i); seen[name] != 1 {
				t.Fatalf("%s was listed %d times", name, seen[name])
			}
		}
	}
}
