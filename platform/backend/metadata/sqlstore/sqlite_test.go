package sqlstore_test

import (
	"path/filepath"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/backend/metadata/metadatatest"
	"github.com/fcstack/fcstack/platform/backend/metadata/sqlstore"
)

var key = []byte("0123456789abcdef0123456789abcdef")

func TestSQLite(t *testing.T) {
	metadatatest.Test(t, openSQLite)
}

func openSQLite(t *testing.T) metadata.Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sub", "meta data?#%41.db")
	s, err := sqlstore.OpenSQLite(t.Context(), file, sqlstore.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSQLiteReopen(t *testing.T) {
	for name, key := range map[string][]byte{"encrypted": key, "in clear": nil} {
		t.Run(name, func(t *testing.T) {
			metadatatest.TestReopen(t, func(t *testing.T, place string) metadata.Store {
				s, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(place, "m.db"), sqlstore.Options{Key: key})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}
