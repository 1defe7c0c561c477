package objectstoretest

import (
	"slices"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
)

var listCases = []testCase{
	{"a list selects by prefix, after and limit, in byte order", func(t *testing.T, s objectstore.Store) {
		all := []string{"A", "a", "a b", "a-b", "a.zip", "a/", "a0", "aa", "b/c/d", "b/c/e", "b/c1", "ba"}
		all[5] = "a/x"
		for i := range all {
			put(t, s, all[(i*7)%len(all)], strings.Repeat("x", (i*7)%len(all)))
		}
		for _, c := range []struct {
			name          string
			prefix, after string
			limit         int
			want          []string
		}{
			{"everything", "", "", 0, all},
			{"a prefix", "a", "", 0, all[1:8]},
			{"a prefix that ends at a slash", "a/", "", 0, all[5:6]},
			{"a prefix in the middle of a segment", "b/c", "", 0, all[8:11]},
			{"a prefix that is a whole key", "a.zip", "", 0, all[4:5]},
			{"a prefix of nothing", "b/c/d/", "", 0, nil},
			{"after a key", "", "a-b", 0, all[4:]},
			{"after a key that is not there", "", "a-c", 0, all[4:]},
			{"after what is no key", "", "a/", 0, all[5:]},
			{"after the last", "", "ba", 0, nil},
			{"after a key below the prefix", "b/", "a", 0, all[8:11]},
			{"after all of the prefix", "a", "b", 0, nil},
			{"a limit", "", "", 3, all[:3]},
			{"a limit above the number", "", "", 100, all},
			{"all three", "b/", "b/c/d", 1, all[9:10]},
			{"a prefix that points elsewhere", "../", "", 0, nil},
		} {
			if got := keys(t, s, c.prefix, c.after, c.limit); !slices.Equal(got, c.want) {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		}
		list, err := s.List(t.Context(), "", "", 0)
		must(t, err)
		for i, o := range list {
			stat, err := s.Stat(t.Context(), o.Key)
			must(t, err)
			if o.Size != int64(i) || o.Size != stat.Size || !o.Modified.Equal(stat.Modified) {
				t.Errorf("list says %+v, stat %+v", o, stat)
			}
		}
	}},
	{"page after page gives everything once", func(t *testing.T, s objectstore.Store) {
		var want []string
		for _, a := range strings.Split("a,a-,a0,b", ",") {
			for _, b := range []string{"", "/x", "/x/y", "/x-", "-/z"} {
				want = append(want, a+b)
				put(t, s, a+b, "")
			}
		}
		slices.Sort(want)
		want = slices.Compact(want)
		var got []string
		for after := ""; ; after = got[len(got)-1] {
			page := keys(t, s, "", after, 3)
			if got = append(got, page...); len(page) < 3 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}},
}
