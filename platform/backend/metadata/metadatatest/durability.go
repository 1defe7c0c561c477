package metadatatest

import (
	"testing"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

// TestReopen checks that what was written is there when a store is opened again. Each
// call of open with the same place opens the same data; the suite closes it.
func TestReopen(t *testing.T, open func(t *testing.T, place string) metadata.Store) {
	place := t.TempDir()
	s := open(t, place)
	must(t, s.CreateAccount(t.Context(), &fc.Account{ID: account}))
	k, f, x := accessKey("k", account), function(account, "f"), trigger(account, "f", "t")
	must(t, s.CreateAccessKey(t.Context(), k))
	must(t, s.CreateFunction(t.Context(), f))
	must(t, s.CreateTrigger(t.Context(), x))
	create(t, s, account, "gone")
	must(t, s.DeleteFunction(t.Context(), account, "gone"))
	changes, err := s.ListChanges(t.Context(), 0, 100)
	must(t, err)
	must(t, s.Close())

	s = open(t, place)
	defer func() { must(t, s.Close()) }()
	t.Run("objects are there", func(t *testing.T) {
		gotKey, err := s.AccessKey(t.Context(), "k")
		must(t, err)
		equal(t, "access key", gotKey, k)
		gotFunction, err := s.Function(t.Context(), account, "f")
		must(t, err)
		equal(t, "function", gotFunction, f)
		gotTrigger, err := s.Trigger(t.Context(), account, "f", "t")
		must(t, err)
		equal(t, "trigger", gotTrigger, x)
	})
	t.Run("what was deleted is not", func(t *testing.T) {
		_, err := s.Function(t.Context(), account, "gone")
		wantKind(t, err, fc.ErrFunctionNotFound)
	})
	t.Run("the log goes on where it was", func(t *testing.T) {
		again, err := s.ListChanges(t.Context(), 0, 100)
		must(t, err)
		equal(t, "changes", again, changes)
		g := function(account, "g")
		must(t, s.CreateFunction(t.Context(), g))
		if last := changes[len(changes)-1].Revision; g.Revision <= last {
			t.Fatalf("revision %d was given after %d", g.Revision, last)
		}
	})
}
