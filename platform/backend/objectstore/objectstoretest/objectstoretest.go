// Package objectstoretest is the suite of the object store contract. What survives a
// crash of the machine cannot be tested here and is left to reading the code.
package objectstoretest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
)

// Test runs the suite. Each call of open gives an empty store.
func Test(t *testing.T, open func(t *testing.T) objectstore.Store) {
	for _, cases := range [][]testCase{objectCases, keyCases, listCases, concurrencyCases} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
		}
	}
}

type testCase struct {
	name string
	run  func(t *testing.T, s objectstore.Store)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
}

func put(t *testing.T, s objectstore.Store, key, content string) objectstore.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, bytes.NewReader([]byte(content)))
	must(t, err)
	return o
}

// read returns the object and checks that its description fits.
func read(ctx context.Context, s objectstore.Store, key string) (string, error) {
	r, o, err := s.Get(ctx, key)
	if err != nil {
		return "", err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err == nil && (o.Size != int64(len(content)) || o.Key != key) {
		err = errors.New("what Get says of the object does not fit")
	}
	return string(content), err
}

func wantContent(t *testing.T, s objectstore.Store, key, want string) {
	t.Helper()
	got, err := read(t.Context(), s, key)
	must(t, err)
	if got != want {
		t.Fatalf("%q holds %.50q, want %.50q", key, got, want)
	}
}

func keys(t *testing.T, s objectstore.Store, prefix, after string, limit int) []string {
	t.Helper()
	list, err := s.List(t.Context(), prefix, after, limit)
	must(t, err)
	found := []string{}
	for _, o := range list {
		found = append(found, o.Key)
	}
	return found
}
