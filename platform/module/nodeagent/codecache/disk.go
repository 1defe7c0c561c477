package codecache

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/archive"
)

const tmpPrefix = "tmp-"

// info is what the file of that name says of an entry.
type info struct {
	Size   int64
	Boot   string // it was unpacked during this run of the machine
	Synced bool   // and has since been written to disk
}

// unpack downloads, checks and unpacks a package beside the cache and moves it into
// place whole.
func (c *Cache) unpack(ctx context.Context, p fc.Package) (size int64, err error) {
	if err := os.MkdirAll(c.cfg.Dir, 0o755); err != nil {
		return 0, err
	}
	tmp, err := os.MkdirTemp(c.cfg.Dir, tmpPrefix)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	zip, length, err := c.download(ctx, p, filepath.Join(tmp, "zip"))
	if err != nil {
		return 0, err
	}
	code := filepath.Join(tmp, "code")
	err = archive.Extract(ctx, zip, length, code, c.cfg.Limits)
	if err := errors.Join(err, zip.Close(), os.Remove(zip.Name())); err != nil {
		return 0, err
	}
	if size, err = protect(code); err != nil {
		return 0, err
	}
	if err := writeInfo(tmp, info{Size: size, Boot: c.boot}); err != nil {
		return 0, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil { // sandboxes may run as somebody else
		return 0, err
	}
	return size, os.Rename(tmp, c.entryDir(p.SHA256))
}

// download copies the package to file and gives it open, if it is what p says it is.
func (c *Cache) download(ctx context.Context, p fc.Package, file string) (_ *os.File, size int64, err error) {
	in, _, err := c.store.Get(ctx, p.Key)
	if errors.Is(err, fc.ErrNotFound) {
		// Not the caller's mistake: the function says that it is there.
		return nil, 0, fmt.Errorf("the package is not in the store: %w", fc.ErrUnavailable)
	}
	if err != nil {
		return nil, 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			out.Close()
		}
	}()
	from := io.Reader(in)
	if p.Size > 0 {
		from = io.LimitReader(in, p.Size+1)
	}
	sum := sha256.New()
	if size, err = io.Copy(io.MultiWriter(out, sum), &interruptible{ctx, from}); err != nil {
		return nil, 0, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.SHA256 {
		return nil, 0, fmt.Errorf("the package in the store has SHA-256 %s, should have %s", got, p.SHA256)
	}
	return out, size, nil
}

// interruptible ends a copy with its context even if the store does not.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// protect makes the files of an unpacked package read-only and sums up what they take.
// Directories stay writable, or only root could remove them.
func protect(dir string) (size int64, err error) {
	const block = 4096
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		size += block // of the name and the inode, roughly
		if !d.Type().IsRegular() {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		size += (st.Size() + block - 1) / block * block
		return os.Chmod(path, st.Mode()&^0o222)
	})
	return size, err
}

func writeInfo(dir string, i info) error {
	raw, err := json.Marshal(i)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, "info.tmp")
	if err := os.WriteFile(tmp, raw, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, "info"))
}

// settle notes that an entry is on disk for good, once it is. Until then it is trusted
// only as long as the machine does not go down.
func (c *Cache) settle(e *entry) {
	dir := c.entryDir(e.sum)
	err := flush(dir)
	if err == nil {
		err = writeInfo(dir, info{Size: e.size, Boot: c.boot, Synced: true})
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // that is: evicted meanwhile
		c.cfg.Log.Warn("code will have to be fetched again after a restart of the machine", "sha256", e.sum, "err", err)
	}
}

// discard moves a directory out of the way at once and removes it in the background.
func (c *Cache) discard(dir string) {
	tmp, err := os.MkdirTemp(c.cfg.Dir, tmpPrefix)
	if err == nil {
		err = os.Rename(dir, filepath.Join(tmp, "old"))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.cfg.Log.Error("code cannot be removed from the cache", "dir", dir, "err", err)
		return
	}
	c.wg.Go(func() {
		if err := os.RemoveAll(tmp); err != nil {
			c.cfg.Log.Error("code cannot be removed from the cache", "dir", tmp, "err", err)
		}
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// adopt sweeps leftovers and enters what is whole, in the order it was unpacked.
func (c *Cache) adopt() error {
	if err := os.MkdirAll(c.cfg.Dir, 0o755); err != nil {
		return err
	}
	found, err := os.ReadDir(c.cfg.Dir)
	if err != nil {
		return err
	}
	type candidate struct {
		e    *entry
		time int64
	}
	var whole []candidate
	for _, d := range found {
		path := filepath.Join(c.cfg.Dir, d.Name())
		i, at, ok := c.readInfo(path)
		switch {
		case strings.HasPrefix(d.Name(), tmpPrefix), len(d.Name()) == 64 && !ok:
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		case ok:
			e := &entry{sum: d.Name(), ready: make(chan struct{}), size: i.Size}
			close(e.ready)
			whole = append(whole, candidate{e, at})
		}
	}
	slices.SortFunc(whole, func(a, b candidate) int { return cmp.Compare(a.time, b.time) })
	for _, w := range whole {
		c.clock++
		w.e.used = c.clock
		c.entries[w.e.sum] = w.e
		c.total += w.e.size
	}
	return nil
}

// readInfo tells whether dir holds a whole entry.
func (c *Cache) readInfo(dir string) (i info, at int64, ok bool) {
	file := filepath.Join(dir, "info")
	raw, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(raw, &i) != nil {
		return i, 0, false
	}
	st, err := os.Stat(file)
	if err != nil {
		return i, 0, false
	}
	return i, st.ModTime().UnixNano(), i.Synced || (i.Boot != "" && i.Boot == c.boot)
}
