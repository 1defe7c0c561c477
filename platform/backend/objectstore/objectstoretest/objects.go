package objectstoretest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
)

var objectCases = []testCase{
	{"an object comes back as it was put", func(t *testing.T, s objectstore.Store) {
		content := "bytes \x00\xff\n"
		before := time.Now().Add(-time.Minute)
		o := put(t, s, "a/b", content)
		if o.Key != "a/b" || o.Size != int64(len(content)) || o.Modified.Before(before) {
			t.Fatalf("put says %+v", o)
		}
		wantContent(t, s, "a/b", content)
		stat, err := s.Stat(t.Context(), "a/b")
		must(t, err)
		if stat.Key != "a/b" || stat.Size != o.Size || !stat.Modified.Equal(o.Modified) {
			t.Fatalf("stat says %+v, put said %+v", stat, o)
		}
	}},
	{"an empty object is an object", func(t *testing.T, s objectstore.Store) {
		put(t, s, "empty", "")
		wantContent(t, s, "empty", "")
	}},
	{"what is not there is ErrNotFound", func(t *testing.T, s objectstore.Store) {
		put(t, s, "a/b/c", "x")
		for _, key := range []string{"z", "a", "a/b", "a/b/c/d", "a/b/d", "A/b/c2"} {
			_, _, err := s.Get(t.Context(), key)
			wantKind(t, err, fc.ErrNotFound)
			_, err = s.Stat(t.Context(), key)
			wantKind(t, err, fc.ErrNotFound)
			must(t, s.Delete(t.Context(), key))
		}
		wantContent(t, s, "a/b/c", "x")
	}},
	{"a second put replaces the first", func(t *testing.T, s objectstore.Store) {
		put(t, s, "k", "a longer first content")
		put(t, s, "k", "second")
		wantContent(t, s, "k", "second")
	}},
	{"who reads an object that is replaced or deleted reads the old one to its end", func(t *testing.T, s objectstore.Store) {
		content := strings.Repeat("old", 100_000)
		put(t, s, "k", content)
		r, _, err := s.Get(t.Context(), "k")
		must(t, err)
		defer r.Close()
		begin := make([]byte, 10)
		_, err = io.ReadFull(r, begin)
		must(t, err)
		put(t, s, "k", "new")
		must(t, s.Delete(t.Context(), "k"))
		rest, err := io.ReadAll(r)
		must(t, err)
		if string(begin)+string(rest) != content {
			t.Fatal("the content changed under the reader")
		}
	}},
	{"a deleted object is gone and can be put again", func(t *testing.T, s objectstore.Store) {
		put(t, s, "a/b", "x")
		must(t, s.Delete(t.Context(), "a/b"))
		must(t, s.Delete(t.Context(), "a/b"))
		_, err := s.Stat(t.Context(), "a/b")
		wantKind(t, err, fc.ErrNotFound)
		put(t, s, "a", "now an object")
		put(t, s, "a/b", "again")
		wantContent(t, s, "a/b", "again")
		wantContent(t, s, "a", "now an object")
	}},
	{"a large object is streamed", largeObject},
	{"if the reader fails, its error is returned and nothing has changed", func(t *testing.T, s objectstore.Store) {
		put(t, s, "old", "content")
		broken := errors.New("broken pipe")
		for _, key := range []string{"old", "new", "dir/new"} {
			r := io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), failing{broken})
			_, err := s.Put(t.Context(), key, r)
			wantKind(t, err, broken)
		}
		wantContent(t, s, "old", "content")
		if got := keys(t, s, "", "", 0); len(got) != 1 {
			t.Fatalf("there are %q", got)
		}
	}},
	{"a put whose ctx ends changes nothing", func(t *testing.T, s objectstore.Store) {
		put(t, s, "old", "content")
		ctx, cancel := context.WithCancel(t.Context())
		r := io.MultiReader(strings.NewReader("begin"), cancelling{cancel}, strings.NewReader("end"))
		_, err := s.Put(ctx, "old", r)
		wantKind(t, err, context.Canceled)
		_, err = s.Put(ctx, "new", strings.NewReader(""))
		wantKind(t, err, context.Canceled)
		wantContent(t, s, "old", "content")
		_, err = s.Stat(t.Context(), "new")
		wantKind(t, err, fc.ErrNotFound)
	}},
	{"a question ends with its ctx", func(t *testing.T, s objectstore.Store) {
		put(t, s, "k", "content")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := s.Get(ctx, "k")
		wantKind(t, err, context.Canceled)
		_, err = s.Stat(ctx, "k")
		wantKind(t, err, context.Canceled)
		_, err = s.List(ctx, "", "", 0)
		wantKind(t, err, context.Canceled)
		wantKind(t, s.Delete(ctx, "k"), context.Canceled)
		wantContent(t, s, "k", "content")
	}},
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type cancelling struct{ cancel func() }

func (c cancelling) Read([]byte) (int, error) {
	c.cancel()
	return 0, io.EOF
}

// largeObject is larger than anything would buffer by accident, and not a multiple of
// any buffer.
func largeObject(t *testing.T, s objectstore.Store) {
	const size = 32<<20 + 17
	sum := sha256.New()
	random := io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
	o, err := s.Put(t.Context(), "large", io.TeeReader(random, sum))
	must(t, err)
	if o.Size != size {
		t.Fatalf("%d bytes were stored", o.Size)
	}
	r, _, err := s.Get(t.Context(), "large")
	must(t, err)
	defer r.Close()
	got := sha256.New()
	_, err = io.Copy(got, r)
	must(t, err)
	if !bytes.Equal(got.Sum(nil), sum.Sum(nil)) {
		t.Fatal("the content is another one")
	}
}
