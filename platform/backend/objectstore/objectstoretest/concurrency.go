package objectstoretest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
)

var concurrencyCases = []testCase{
	{"readers see one whole object while many put it", func(t *testing.T, s objectstore.Store) {
		const writers, rounds = 4, 10
		put(t, s, "k/o", strings.Repeat("0", 1000))
		written := make(chan struct{})
		var writing, reading sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := range rounds {
					content := strings.Repeat(fmt.Sprint(w), 1000*(1+i))
					if _, err := s.Put(t.Context(), "k/o", strings.NewReader(content)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 2 {
			reading.Go(func() {
				for {
					select {
					case <-written:
						return
					default:
					}
					content, err := read(t.Context(), s, "k/o")
					if err != nil || content == "" || strings.Trim(content, content[:1]) != "" || len(content)%1000 != 0 {
						t.Errorf("read %d bytes of a mixture, %v", len(content), err)
						return
					}
				}
			})
		}
		writing.Wait()
		close(written)
		reading.Wait()
		if got := keys(t, s, "", "", 0); len(got) != 1 {
			t.Fatalf("there are %q", got)
		}
	}},
	{"neighbours come and go without harm to each other", func(t *testing.T, s objectstore.Store) {
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				key := fmt.Sprintf("deep/deeper/%d/o", w%3)
				for range 15 {
					if _, err := s.Put(t.Context(), key, strings.NewReader("content")); err != nil {
						t.Error(err)
					}
					content, err := read(t.Context(), s, key)
					if (err != nil || content != "content") && !errors.Is(err, fc.ErrNotFound) {
						t.Errorf("read %q, %v", content, err)
					}
					if _, err := s.List(t.Context(), "deep/", "", 0); err != nil {
						t.Error(err)
					}
					if err := s.Delete(t.Context(), key); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := keys(t, s, "", "", 0); len(got) != 0 {
			t.Fatalf("left over: %q", got)
		}
	}},
}
