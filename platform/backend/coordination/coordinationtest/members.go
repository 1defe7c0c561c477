package coordinationtest

import (
	"context"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/fc"
)

func watchMembers(t *testing.T, s coordination.Service, group string) *record[string] {
	t.Helper()
	heard := newRecord[string]()
	background(t, func(ctx context.Context) error {
		return s.Members(ctx, group, func(m []coordination.Member) {
			heard.add(names(m))
			clear(m) // what is handed out is the callee's
		})
	})
	return heard
}

func join(t *testing.T, s coordination.Service, group, id, address string) (leave func()) {
	t.Helper()
	leave, err := s.Join(t.Context(), group, coordination.Member{ID: id, Address: address})
	must(t, err)
	t.Cleanup(leave)
	return leave
}

var memberCases = []testCase{
	{"an empty group is seen at once", func(t *testing.T, s, _ coordination.Service) {
		watchMembers(t, s, t.Name()).await(t, "no members", is(""))
	}},
	{"members are seen sorted by id, as they come and leave", func(t *testing.T, s, peer coordination.Service) {
		leaveB := join(t, s, t.Name(), "b", "host:1")
		heard := watchMembers(t, peer, t.Name())
		heard.await(t, "one member", is("b@host:1 "))
		leaveA := join(t, peer, t.Name(), "a", "")
		heard.await(t, "two members", is("a@ b@host:1 "))
		leaveC := join(t, s, t.Name(), "a/c", "x")
		heard.await(t, "three members", is("a@ a/c@x b@host:1 "))
		leaveB()
		heard.await(t, "b left", is("a@ a/c@x "))
		leaveA()
		leaveC()
		heard.await(t, "all left", is(""))
	}},
	{"who has left is gone when leave returns, and may leave again", func(t *testing.T, s, peer coordination.Service) {
		leave := join(t, s, t.Name(), "a", "")
		leave()
		leave()
		heard := watchMembers(t, peer, t.Name())
		heard.await(t, "no members", is(""))
		if said, _ := heard.all(); len(said) != 1 {
			t.Fatalf("heard %q", said)
		}
	}},
	{"a membership ends with its ctx", func(t *testing.T, s, peer coordination.Service) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Join(ctx, t.Name(), coordination.Member{ID: "a"})
		must(t, err)
		heard := watchMembers(t, peer, t.Name())
		heard.await(t, "one member", is("a@ "))
		cancel()
		heard.await(t, "no members", is(""))
	}},
	{"a member that joins again counts with its new address, and the old leave does no harm",
		func(t *testing.T, s, peer coordination.Service) {
			leaveOld := join(t, s, t.Name(), "a", "old")
			join(t, peer, t.Name(), "a", "new")
			leaveOld()
			heard := watchMembers(t, s, t.Name())
			heard.await(t, "the new address", is("a@new "))
			if said, _ := heard.all(); len(said) != 1 {
				t.Fatalf("heard %q", said)
			}
		}},
	{"groups do not mix, whatever their names", func(t *testing.T, s, peer coordination.Service) {
		join(t, s, t.Name(), "a", "")
		join(t, s, t.Name()+"/sub", "b", "")
		join(t, s, t.Name()+"2", "c", "")
		watchMembers(t, peer, t.Name()).await(t, "one member", is("a@ "))
	}},
	{"closing a service leaves its groups", func(t *testing.T, s, peer coordination.Service) {
		join(t, s, t.Name(), "a", "")
		heard := watchMembers(t, peer, t.Name())
		heard.await(t, "one member", is("a@ "))
		must(t, s.Close())
		heard.await(t, "no members", is(""))
	}},
	{"many join and leave at once", func(t *testing.T, s, peer coordination.Service) {
		heard := watchMembers(t, peer, t.Name())
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				leave, err := s.Join(t.Context(), t.Name(), coordination.Member{ID: string(rune('a' + i))})
				if err != nil {
					t.Error(err)
				} else if i%2 == 1 {
					leave()
				}
			})
		}
		wg.Wait()
		heard.await(t, "every second member", is("a@ c@ e@ g@ i@ "))
	}},
	{"groups and members need names", func(t *testing.T, s, _ coordination.Service) {
		_, err := s.Join(t.Context(), t.Name(), coordination.Member{})
		wantKind(t, err, fc.ErrInvalid)
		_, err = s.Join(t.Context(), "", coordination.Member{ID: "a"})
		wantKind(t, err, fc.ErrInvalid)
	}},
}
