package objectstoretest

import (
	"slices"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
)

var (
	long  = strings.Repeat("l", 199)
	valid = []string{
		"a", "a/b", "-_.!*'()=@+ ,", " ", "...", ".a", "a.", "a..b", "a/ /b",
		"con", "tmp/x", "objects/a", "Z/z", strings.Repeat("k", 1024), long + "x", long + "xy", long + "x/b",
		long, strings.Repeat("s", 400), strings.Repeat("s", 400) + "/t", strings.Repeat("d/", 60) + "e",
	}
	invalid = []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "../a", "a/..", "a/../b", "../../etc/passwd",
		"a\\b", "a~", "a%", "a#", "a:b", "a\x00b", "a\nb", "ä", "a\xff", "a?b", "a&b", "a\"b",
		strings.Repeat("k", 1025),
	}
)

var keyCases = []testCase{
	{"every key of the rules is one object", func(t *testing.T, s objectstore.Store) {
		sorted := slices.Clone(valid)

		for i, key := range sorted {
			put(t, s, key, strings.Repeat("x", i))
		}
		for i, key := range sorted {
			wantContent(t, s, key, strings.Repeat("x", i))
		}
		want := slices.Sorted(slices.Values(sorted))
		if got := keys(t, s, "", "", 0); !slices.Equal(got, want) {
			t.Fatalf("the list is\n%.30q, want\n%.30q", got, want)
		}
		for _, key := range sorted {
			must(t, s.Delete(t.Context(), key))
		}
		if got := keys(t, s, "", "", 0); len(got) != 0 {
			t.Fatalf("left over: %.30q", got)
		}
	}},
	{"another key is ErrInvalid", func(t *testing.T, s objectstore.Store) {
		for _, key := range invalid {
			_, err := s.Put(t.Context(), key, strings.NewReader("x"))
			wantKind(t, err, fc.ErrInvalid)
			_, _, err = s.Get(t.Context(), key)
			wantKind(t, err, fc.ErrInvalid)
			_, err = s.Stat(t.Context(), key)
			wantKind(t, err, fc.ErrInvalid)
			wantKind(t, s.Delete(t.Context(), key), fc.ErrInvalid)
		}
		if got := keys(t, s, "", "", 0); len(got) != 0 {
			t.Fatalf("there are %q", got)
		}
	}},
}
