package codecache_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/archive"
	"github.com/fcstack/fcstack/platform/module/nodeagent/codecache"
)

// shelf is a store of packages in memory that counts how often each is fetched.
type shelf struct {
	objectstore.Store
	mu      sync.Mutex
	objects map[string][]byte
	gets    map[string]int
	gate    chan struct{} // if not nil, Get waits until it is closed
}

func newShelf() *shelf { return &shelf{objects: map[string][]byte{}, gets: map[string]int{}} }

func (s *shelf) Get(ctx context.Context, key string) (io.ReadCloser, objectstore.Object, error) {
	s.mu.Lock()
	s.gets[key]++
	raw, ok := s.objects[key]
	s.mu.Unlock()
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, objectstore.Object{}, ctx.Err()
		}
	}
	if !ok {
		return nil, objectstore.Object{}, fc.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(raw)), objectstore.Object{Key: key, Size: int64(len(raw))}, nil
}

func (s *shelf) fetched(p fc.Package) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets[p.Key]
}

// put keeps raw and describes it.
func (s *shelf) put(raw []byte) fc.Package {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.Sum256(raw)
	hexed := hex.EncodeToString(sum[:])
	key := objectstore.CodeKey("1", hexed)
	s.objects[key] = raw
	return fc.Package{Key: key, SHA256: hexed, Size: int64(len(raw))}
}

// pack keeps a package of one file of that content.
func (s *shelf) pack(t *testing.T, name, content string) fc.Package {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	out, err := w.Create(name)
	if err == nil {
		_, err = io.WriteString(out, content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return s.put(buf.Bytes())
}

func open(t *testing.T, dir string, s *shelf, maxBytes int64) *codecache.Cache {
	t.Helper()
	c, err := codecache.Open(codecache.Config{
		Dir: dir, MaxBytes: maxBytes, Limits: archive.Limits{Bytes: 1 << 20}, Log: slog.New(slog.DiscardHandler),
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// mustGet gives the directory and content of the package's one file.
func mustGet(t *testing.T, c *codecache.Cache, p fc.Package) (dir, content string, release func()) {
	t.Helper()
	dir, release, err := c.Get(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, string(raw), release
}

func TestManyCallersFetchOnce(t *testing.T) {
	s := newShelf()
	p := s.pack(t, "f", "content")
	c := open(t, t.TempDir(), s, 0)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			dir, release, err := c.Get(t.Context(), p)
			if err != nil {
				t.Error(err)
				return
			}
			if raw, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(raw) != "content" {
				t.Errorf("read %q, %v", raw, err)
			}
			release()
			release()
		})
	}
	wg.Wait()
	if n := s.fetched(p); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	dir, _, release := mustGet(t, c, p)
	defer release()
	if st, err := os.Stat(filepath.Join(dir, "f")); err != nil || st.Mode() != 0o555 {
		t.Errorf("mode is %v, %v", st.Mode(), err)
	}
}

func TestACallerWhoGoesDoesNotEndTheFetch(t *testing.T) {
	s := newShelf()
	s.gate = make(chan struct{})
	p := s.pack(t, "f", "content")
	c := open(t, t.TempDir(), s, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Get(ctx, p); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	close(s.gate)
	_, content, release := mustGet(t, c, p)
	defer release()
	if n := s.fetched(p); n != 1 || content != "content" {
		t.Errorf("fetched %d times, content %q", n, content)
	}
}

func TestBadPackagesAreRefusedAndTriedAgain(t *testing.T) {
	s := newShelf()
	good := s.pack(t, "f", "content")
	hostile := s.pack(t, "../f", "content")
	large := s.pack(t, "f", strings.Repeat("x", 2<<20))
	garbage := s.put([]byte("no archive"))
	missing := s.pack(t, "f", "to go")
	delete(s.objects, missing.Key)
	swapped := s.pack(t, "f", "to be swapped")
	s.objects[swapped.Key] = s.objects[good.Key]
	longer := s.pack(t, "f", "to be appended to")
	s.objects[longer.Key] = append(bytes.Clone(s.objects[longer.Key]), "more"...)

	dir := t.TempDir()
	c := open(t, dir, s, 0)
	for name, x := range map[string]struct {
		p    fc.Package
		want error
	}{
		"an entry outside":     {hostile, fc.ErrInvalid},
		"too large":            {large, fc.ErrTooLarge},
		"no archive":           {garbage, fc.ErrInvalid},
		"not in the store":     {missing, fc.ErrUnavailable},
		"another package":      {swapped, nil},
		"a longer package":     {longer, nil},
		"a digest that is not": {fc.Package{Key: good.Key, SHA256: "../../" + good.SHA256[6:]}, fc.ErrInvalid},
		"no digest":            {fc.Package{Key: good.Key}, fc.ErrInvalid},
	} {
		for range 2 {
			_, _, err := c.Get(t.Context(), x.p)
			if err == nil || x.want != nil && !errors.Is(err, x.want) || errors.Is(err, fc.ErrNotFound) {
				t.Errorf("%s: error is %v", name, err)
			}
		}
	}
	if n := s.fetched(hostile); n != 2 {
		t.Errorf("a failed one was fetched %d times for two calls", n)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	s := newShelf()
	var p [4]fc.Package
	for i := range p {
		p[i] = s.pack(t, "f", fmt.Sprint(i)+strings.Repeat("x", 100_000))
	}
	c := open(t, t.TempDir(), s, 250_000) // room for two
	_, _, release0 := mustGet(t, c, p[0])
	dir1, _, release1 := mustGet(t, c, p[1])
	release1()
	dir2, _, release2 := mustGet(t, c, p[2]) // now 1 must go, 0 is in use
	release2()
	if _, err := os.Stat(dir1); err == nil {
		t.Error("the second is still there")
	}
	if _, err := os.Stat(dir2); err != nil {
		t.Errorf("the third: %v", err)
	}
	dir0, content, again := mustGet(t, c, p[0])
	again()
	if n := s.fetched(p[0]); n != 1 || content[0] != '0' {
		t.Errorf("the first was fetched %d times", n)
	}
	_, _, release3 := mustGet(t, c, p[3]) // and now 2
	if _, err := os.Stat(dir2); err == nil {
		t.Error("the third is still there")
	}
	release3()
	release0()
	if _, err := os.Stat(dir0); err != nil {
		t.Errorf("the first went though there was room: %v", err)
	}
	_, _, release1 = mustGet(t, c, p[1])
	release1()
	if n := s.fetched(p[1]); n != 2 {
		t.Errorf("the second was fetched %d times", n)
	}
}

func TestARestartKeepsWhatIsWholeAndSweepsTheRest(t *testing.T) {
	s := newShelf()
	dir := t.TempDir()
	c := open(t, dir, s, 0)
	p, torn, old := s.pack(t, "f", "content"), s.pack(t, "f", "torn"), s.pack(t, "f", "old")
	for _, x := range []fc.Package{p, torn, old} {
		_, _, release := mustGet(t, c, x)
		release()
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// What a crash can leave: a download, an entry without its end, one of an earlier
	// run of the machine that was never synced.
	if err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "tmp-123", "code"), 0o755),
		os.Remove(filepath.Join(dir, torn.SHA256, "info")),
		os.WriteFile(filepath.Join(dir, old.SHA256, "info"), []byte(`{"Size":1,"Boot":"another"}`), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	c = open(t, dir, s, 0)
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != p.SHA256 {
		t.Errorf("after the restart: %v", left)
	}
	for _, x := range []struct {
		p    fc.Package
		want int
	}{{p, 1}, {torn, 2}, {old, 2}} {
		_, _, release := mustGet(t, c, x.p)
		release()
		if n := s.fetched(x.p); n != x.want {
			t.Errorf("fetched %d times, want %d", n, x.want)
		}
	}
	c.Close()
	c = open(t, dir, s, 1)
	if left, _ := filepath.Glob(filepath.Join(dir, "????????????????*")); len(left) != 0 {
		t.Errorf("a smaller cache keeps %v", left)
	}
	_ = c
}

func TestCloseEndsAFetch(t *testing.T) {
	s := newShelf()
	s.gate = make(chan struct{})
	p := s.pack(t, "f", "content")
	c := open(t, t.TempDir(), s, 0)
	got := make(chan error)
	go func() {
		_, _, err := c.Get(t.Context(), p)
		got <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); s.fetched(p) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the fetch does not begin")
		}
	}
	c.Close()
	if err := <-got; err == nil {
		t.Error("no error")
	}
	if _, _, err := c.Get(t.Context(), p); !errors.Is(err, fc.ErrUnavailable) {
		t.Errorf("a closed cache: %v", err)
	}
}

func TestCodeThatWasRemovedIsFetchedAgain(t *testing.T) {
	s := newShelf()
	p := s.pack(t, "f", "content")
	dir := filepath.Join(t.TempDir(), "cache")
	c := open(t, dir, s, 0)
	for _, what := range []string{filepath.Join(dir, p.SHA256, "code"), dir} {
		_, _, release := mustGet(t, c, p)
		release()
		// The cache may be noting just now that all is on disk.
		deadline := time.Now().Add(20 * time.Second)
		for err := os.RemoveAll(what); err != nil; err = os.RemoveAll(what) {
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	_, _, release := mustGet(t, c, p)
	release()
	if n := s.fetched(p); n != 3 {
		t.Errorf("fetched %d times", n)
	}
}
