package metadatatest

import (
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/fc"
)

var created = time.Date(2025, 1, 2, 3, 4, 5, 6, time.UTC)

func accessKey(id, account string) *fc.AccessKey {
	return &fc.AccessKey{ID: id, Secret: "secret of " + id, Account: account, Created: created}
}

var accountCases = []testCase{
	{"accounts come back by id", func(t *testing.T, s metadata.Store) {
		a := &fc.Account{ID: account, Name: "Ä", Created: created}
		b := &fc.Account{ID: other, Name: "b", Created: created}
		must(t, s.CreateAccount(t.Context(), b))
		must(t, s.CreateAccount(t.Context(), a))
		list, err := s.ListAccounts(t.Context())
		must(t, err)
		equal(t, "accounts", list, []*fc.Account{a, b})
	}},
	{"an account is created once", func(t *testing.T, s metadata.Store) {
		must(t, s.CreateAccount(t.Context(), &fc.Account{ID: account, Name: "a"}))
		wantKind(t, s.CreateAccount(t.Context(), &fc.Account{ID: account, Name: "b"}), fc.ErrExists)
		list, err := s.ListAccounts(t.Context())
		must(t, err)
		equal(t, "accounts", list, []*fc.Account{{ID: account, Name: "a"}})
	}},
	{"an access key comes back with its secret", func(t *testing.T, s metadata.Store) {
		must(t, s.CreateAccount(t.Context(), &fc.Account{ID: account}))
		k := accessKey("k", account)
		k.Disabled = true
		must(t, s.CreateAccessKey(t.Context(), k))
		if k.Revision == 0 {
			t.Fatal("the revision was not set")
		}
		got, err := s.AccessKey(t.Context(), "k")
		must(t, err)
		equal(t, "access key", got, k)
	}},
	{"an access key needs its account and is created once", func(t *testing.T, s metadata.Store) {
		wantKind(t, s.CreateAccessKey(t.Context(), accessKey("k", account)), fc.ErrNotFound)
		must(t, s.CreateAccount(t.Context(), &fc.Account{ID: account}))
		must(t, s.CreateAccount(t.Context(), &fc.Account{ID: other}))
		must(t, s.CreateAccessKey(t.Context(), accessKey("k", account)))
		wantKind(t, s.CreateAccessKey(t.Context(), accessKey("k", other)), fc.ErrExists)
		got, err := s.AccessKey(t.Context(), "k")
		must(t, err)
		equal(t, "account of the key", got.Account, account)
	}},
	{"an unknown access key is ErrNotFound", func(t *testing.T, s metadata.Store) {
		for _, id := range []string{"", "k", "k\x00", "\xff"} {
			_, err := s.AccessKey(t.Context(), id)
			wantKind(t, err, fc.ErrNotFound)
		}
	}},
	{"access keys are listed by account, or all", func(t *testing.T, s metadata.Store) {
		must(t, s.CreateAccount(t.Context(), &fc.Account{ID: account}))
		must(t, s.CreateAccount(t.Context(), &fc.Account{ID: other}))
		a, b, c := accessKey("a", account), accessKey("b", other), accessKey("c", account)
		for _, k := range []*fc.AccessKey{c, b, a} {
			must(t, s.CreateAccessKey(t.Context(), k))
		}
		for _, x := range []struct {
			account string
			want    []*fc.AccessKey
		}{{account, []*fc.AccessKey{a, c}}, {other, []*fc.AccessKey{b}}, {"", []*fc.AccessKey{a, b, c}}} {
			list, err := s.ListAccessKeys(t.Context(), x.account)
			must(t, err)
			equal(t, "keys of "+x.account, list, x.want)
		}
		list, err := s.ListAccessKeys(t.Context(), "nobody")
		must(t, err)
		equal(t, "keys of nobody", len(list), 0)
	}},
}
