package sqlstore_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/metadata/sqlstore"
	"github.com/fcstack/fcstack/platform/fc"
)

// fill makes a store with one function and one access key and closes it.
func fill(t *testing.T, file string, key []byte) {
	t.Helper()
	s, err := sqlstore.OpenSQLite(t.Context(), file, sqlstore.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	f := &fc.Function{Account: "1", Name: "f", Env: map[string]string{"NAME-OF-IT": "PASSWORD-OF-IT"}}
	err = errors.Join(
		s.CreateFunction(t.Context(), f),
		s.CreateAccount(t.Context(), &fc.Account{ID: "1"}),
		s.CreateAccessKey(t.Context(), &fc.AccessKey{ID: "k", Account: "1", Secret: "SECRET-OF-KEY"}),
		s.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
}

func TestDataOfANewerReleaseIsLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.db")
	fill(t, file, nil)
	execute(t, file, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)")
	before := content(t, filepath.Dir(file))
	_, err := sqlstore.OpenSQLite(t.Context(), file, sqlstore.Options{})
	if !errors.Is(err, sqlstore.ErrNewer) || !strings.Contains(err.Error(), "schema 4711") {
		t.Fatalf("error is %v", err)
	}
	if after := content(t, filepath.Dir(file)); !bytes.Equal(after, before) {
		t.Fatal("the data was changed")
	}
}

func TestAKeyThatDoesNotFitIsRefused(t *testing.T) {
	another := bytes.Repeat([]byte{7}, 32)
	for _, c := range []struct {
		name          string
		written, with []byte
		want          error
	}{
		{"another key", key, another, sqlstore.ErrKey},
		{"no key", key, nil, sqlstore.ErrKey},
		{"a short key", key, key[:16], fc.ErrInvalid},
		{"the same key", key, key, nil},
		{"a first key for data in clear", nil, key, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "m.db")
			fill(t, file, c.written)
			s, err := sqlstore.OpenSQLite(t.Context(), file, sqlstore.Options{Key: c.with})
			if !errors.Is(err, c.want) {
				t.Fatalf("error is %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			defer s.Close()
			k, err := s.AccessKey(t.Context(), "k")
			if err != nil || k.Secret != "SECRET-OF-KEY" {
				t.Fatalf("access key %+v, %v", k, err)
			}
		})
	}
}

func TestSecretsAreNotOnDiskInClear(t *testing.T) {
	for _, c := range []struct {
		name string
		key  []byte
		seen bool
	}{{"with a key", key, false}, {"without, to prove the search", nil, true}} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "m.db")
			fill(t, file, c.key)
			data := content(t, filepath.Dir(file))
			for _, secret := range []string{"NAME-OF-IT", "PASSWORD-OF-IT", "SECRET-OF-KEY"} {
				if bytes.Contains(data, []byte(secret)) != c.seen {
					t.Errorf("%s is on disk: %t", secret, !c.seen)
				}
			}
		})
	}
}

func TestASecretMovedToAnotherRowDoesNotOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.db")
	fill(t, file, key)
	execute(t, file, "INSERT INTO functions SELECT account, 'thief', revision, object, secret FROM functions")
	s, err := sqlstore.OpenSQLite(t.Context(), file, sqlstore.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Function(t.Context(), "1", "thief"); !errors.Is(err, sqlstore.ErrKey) {
		t.Fatalf("error is %v", err)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(dir, "m.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.CreateAccount(t.Context(), &fc.Account{ID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		return nil
	})
}

func TestWhatIsNoDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, prepare := range map[string]func(path string) error{
		"a directory": func(p string) error { return os.Mkdir(p, 0o700) },
		"other data":  func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("no"), 4096), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			if s, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{}); err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
		})
	}
}

func TestOpeningIsQuick(t *testing.T) {
	best := time.Hour
	for range 3 {
		start := time.Now()
		s, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "m.db"), sqlstore.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
		s.Close()
	}
	t.Logf("a fresh store opened in %v", best)
	if best > time.Second {
		t.Errorf("a fresh store took %v to open", best)
	}
}

func execute(t *testing.T, file, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// content is all that lies in dir, names included.
func content(t *testing.T, dir string) []byte {
	t.Helper()
	var all bytes.Buffer
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		all.WriteString(path)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}
