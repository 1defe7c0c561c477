package coordinationtest

import (
	"context"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/coordination"
)

func follow(t *testing.T, s coordination.Service, feed string) (heard *record[int64], stop func()) {
	t.Helper()
	heard = newRecord[int64]()
	stop = background(t, func(ctx context.Context) error { return s.Follow(ctx, feed, heard.add) })
	return heard, stop
}

func is[T comparable](want T) func(T) bool { return func(got T) bool { return got == want } }

var feedCases = []testCase{
	{"a follower hears of what was announced before", func(t *testing.T, s, peer coordination.Service) {
		must(t, s.Announce(t.Context(), t.Name(), 7))
		heard, _ := follow(t, peer, t.Name())
		heard.await(t, "revision 7", is[int64](7))
	}},
	{"a follower hears of what is announced after", func(t *testing.T, s, peer coordination.Service) {
		heard, _ := follow(t, peer, t.Name())
		for revision := int64(1); revision <= 3; revision++ {
			must(t, s.Announce(t.Context(), t.Name(), revision))
			heard.await(t, "revision", is(revision))
		}
	}},
	{"a smaller revision changes nothing", func(t *testing.T, s, peer coordination.Service) {
		heard, _ := follow(t, peer, t.Name())
		must(t, s.Announce(t.Context(), t.Name(), 10))
		must(t, peer.Announce(t.Context(), t.Name(), 9))
		must(t, s.Announce(t.Context(), t.Name(), 10))
		late, _ := follow(t, s, t.Name())
		late.await(t, "revision 10", is[int64](10))
		must(t, s.Announce(t.Context(), t.Name(), 11))
		heard.await(t, "revision 11", is[int64](11))
		growing(t, heard)
	}},
	{"feeds do not mix, whatever their names", func(t *testing.T, s, peer coordination.Service) {
		feeds := []string{t.Name(), t.Name() + "/a", t.Name() + "/a/b", t.Name() + "%2Fa", t.Name() + " ü"}
		for i, f := range feeds {
			must(t, s.Announce(t.Context(), f, int64(i+1)))
		}
		for i, f := range feeds {
			heard, stop := follow(t, peer, f)
			heard.await(t, f, is(int64(i+1)))
			stop()
			if said, _ := heard.all(); len(said) != 1 {
				t.Errorf("of %s was heard %v", f, said)
			}
		}
	}},
	{"of many announcements at once the greatest stays and every follower hears it", manyAnnounce},
}

func growing(t *testing.T, heard *record[int64]) {
	t.Helper()
	said, _ := heard.all()
	for i := 1; i < len(said); i++ {
		if said[i] <= said[i-1] {
			t.Fatalf("the feed did not grow: %v", said)
		}
	}
}

func manyAnnounce(t *testing.T, s, peer coordination.Service) {
	first, _ := follow(t, s, t.Name())
	second, _ := follow(t, peer, t.Name())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				process := []coordination.Service{s, peer}[w%2]
				if err := process.Announce(t.Context(), t.Name(), int64(1+i*4+w)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, heard := range []*record[int64]{first, second} {
		heard.await(t, "the last revision", is[int64](100))
		growing(t, heard)
	}
}
