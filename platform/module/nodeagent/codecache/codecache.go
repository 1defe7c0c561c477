// Package codecache keeps unpacked code packages on a node, each once, by its SHA-256.
// Who may run the code, and where it shows inside a sandbox, is left to the agent.
//
//	DIR/<sha256>/code/    the package, its files read-only
//	DIR/<sha256>/info     its size and whether the disk is known to hold all of it
//	DIR/tmp-*             being made or removed; swept by Open
package codecache

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/archive"
)

// Config says where and how much.
type Config struct {
	Dir      string         // of the cache alone; made if missing
	MaxBytes int64          // unpacked, kept at most once nobody uses more; default 10 GiB
	Limits   archive.Limits // of one package
	Timeout  time.Duration  // of one download and unpacking; default 10 min
	Log      *slog.Logger   // nil: slog.Default
}

// parallel is how many packages are fetched at a time.
const parallel = 4

// Cache gives directories of unpacked code. It is safe for concurrent use.
type Cache struct {
	cfg    Config
	store  objectstore.Store
	boot   string // which start of the machine this is
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{}

	mu      sync.Mutex
	closed  bool
	entries map[string]*entry
	total   int64 // bytes of all that are ready
	clock   int64 // counts uses, to tell which is the least recent
}

// entry is one package, wanted or there. Its fields are the cache's lock's, but ready.
type entry struct {
	sum   string
	ready chan struct{} // closed once size or err is set
	err   error
	size  int64
	refs  int
	used  int64
}

// Open makes the cache and takes over what an earlier one left in good order.
func Open(cfg Config, store objectstore.Store) (*Cache, error) {
	if cfg.Dir == "" {
		return nil, fmt.Errorf("code cache: no directory: %w", fc.ErrInvalid)
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 10 << 30
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	c := &Cache{cfg: cfg, store: store, boot: bootID(), slots: make(chan struct{}, parallel), entries: map[string]*entry{}}
	if err := c.adopt(); err != nil {
		return nil, fmt.Errorf("code cache: %w", err)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evict()
	return c, nil
}

// Close ends downloads and waits for them. Directories given out stay as they are.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	return nil
}

// Get gives the directory with the code of p, which stays there until release is called.
// Callers must not change it. However many ask, a package is fetched once; the fetch goes
// on when ctx ends, for the next one.
//   - fc.ErrInvalid, fc.ErrTooLarge: what is in the store cannot be unpacked.
//   - fc.ErrUnavailable: it is not in the store, or the cache is closed.
func (c *Cache) Get(ctx context.Context, p fc.Package) (dir string, release func(), err error) {
	if sum, err := hex.DecodeString(p.SHA256); err != nil || len(sum) != 32 || hex.EncodeToString(sum) != p.SHA256 {
		return "", nil, fmt.Errorf("code with SHA-256 %q: %w", p.SHA256, fc.ErrInvalid)
	}
	e, err := c.want(p)
	if err != nil {
		return "", nil, err
	}
	select {
	case <-e.ready:
	default:
		select {
		case <-e.ready:
		case <-ctx.Done():
			c.release(e)
			return "", nil, fmt.Errorf("wait for code: %w", ctx.Err())
		}
	}
	if e.err != nil {
		return "", nil, e.err
	}
	var once sync.Once
	return c.codeDir(e.sum), func() { once.Do(func() { c.release(e) }) }, nil
}

// want takes a reference to the entry of p and starts its fetch if it is new.
func (c *Cache) want(p fc.Package) (*entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("code cache is closed: %w", fc.ErrUnavailable)
	}
	e := c.entries[p.SHA256]
	if e != nil && e.refs == 0 && e.done() && !exists(c.codeDir(e.sum)) {
		// Somebody has cleaned up behind our back; that is no reason to fail for ever.
		delete(c.entries, e.sum)
		c.total -= e.size
		c.discard(c.entryDir(e.sum))
		e = nil
	}
	if e == nil {
		e = &entry{sum: p.SHA256, ready: make(chan struct{})}
		c.entries[p.SHA256] = e
		c.wg.Go(func() { c.fetch(e, p) })
	}
	e.refs++
	c.clock++
	e.used = c.clock
	return e, nil
}

func (c *Cache) release(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.refs--
	c.evict()
}

// evict removes entries that nobody uses, the least recently used first, until the rest
// is small enough.
func (c *Cache) evict() {
	for c.total > c.cfg.MaxBytes && !c.closed {
		var oldest *entry
		for _, e := range c.entries {
			if e.refs == 0 && e.done() && (oldest == nil || e.used < oldest.used) {
				oldest = e
			}
		}
		if oldest == nil {
			return
		}
		delete(c.entries, oldest.sum)
		c.total -= oldest.size
		c.discard(c.entryDir(oldest.sum))
	}
}

func (e *entry) done() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

// fetch brings an entry to its end and, after its users have it, sees that it survives.
func (c *Cache) fetch(e *entry, p fc.Package) {
	size, err := c.fetchBounded(p)
	c.mu.Lock()
	if err != nil {
		delete(c.entries, e.sum)
		e.err = fmt.Errorf("fetch code %s: %w", p.Key, err)
	} else {
		e.size = size
		c.total += size
	}
	c.evict() // before those who wait see it: then there is room again
	close(e.ready)
	c.evict() // itself, if nobody waits any more
	c.mu.Unlock()
	if err == nil {
		c.settle(e)
	}
}

func (c *Cache) fetchBounded(p fc.Package) (int64, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.Timeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	size, err := c.unpack(ctx, p)
	switch {
	case errors.Is(err, archive.ErrTooLarge):
		err = fmt.Errorf("%w: %w", fc.ErrTooLarge, err)
	case errors.Is(err, archive.ErrFormat), errors.Is(err, archive.ErrUnsafe):
		err = fmt.Errorf("%w: %w", fc.ErrInvalid, err)
	}
	return size, err
}

func (c *Cache) entryDir(sum string) string { return filepath.Join(c.cfg.Dir, sum) }
func (c *Cache) codeDir(sum string) string  { return filepath.Join(c.cfg.Dir, sum, "code") }
