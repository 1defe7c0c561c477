// Package archive unpacks ZIP archives of strangers: inside one directory, within limits,
// wholly or not at all. Where archives come from and who keeps the result is left to others.
package archive

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// What can be wrong with an archive. Errors name the entry and wrap one of these.
var (
	ErrFormat   = errors.New("not a valid ZIP archive")
	ErrUnsafe   = errors.New("unsafe entry in archive")
	ErrTooLarge = errors.New("archive is too large")
)

// Limits bound what one archive may unpack to. A zero field takes its default.
type Limits struct {
	Bytes   int64 // of all files together, as written; default 2 GiB
	Entries int   // default 100,000
	Path    int   // bytes in a name; default 1024
	Depth   int   // elements in a name; default 64
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 2 << 30
	}
	if l.Entries == 0 {
		l.Entries = 100_000
	}
	if l.Path == 0 {
		l.Path = 1024
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	return l
}

// Extract makes the directory dir and unpacks the archive of size bytes in r there. If
// it fails, dir is not left; a dir that exists already is an error and stays as it is.
//
// Files get mode 0755 if anybody may execute them or the archive records no Unix mode,
// otherwise 0644. Symbolic links must stay inside dir, whatever they go through.
func Extract(ctx context.Context, r io.ReaderAt, size int64, dir string, limits Limits) (err error) {
	limits = limits.withDefaults()
	files, err := list(r, size, limits)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("unpack archive: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack archive: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is written through it
	x := &extraction{ctx: ctx, root: root, limits: limits, left: limits.Bytes, made: map[string]kind{}}
	for _, f := range files {
		if err := x.add(f); err != nil {
			return fmt.Errorf("unpack %q: %w", f.Name, err)
		}
	}
	return x.link()
}

// perEntry is how many bytes of directory an entry takes at most, on average.
const perEntry = 256

// list reads the directory of the archive, which is bounded too: it is held in memory.
func list(r io.ReaderAt, size int64, limits Limits) ([]*zip.File, error) {
	b := &bounded{r: r, left: int64(limits.Entries)*perEntry + 1<<20}
	z, err := zip.NewReader(b, size)
	switch {
	case b.left < 0:
		return nil, fmt.Errorf("more than %d entries: %w", limits.Entries, ErrTooLarge)
	case err != nil && !errors.Is(err, zip.ErrInsecurePath): // such paths are checked one by one
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	case len(z.File) > limits.Entries:
		return nil, fmt.Errorf("%d entries, at most %d: %w", len(z.File), limits.Entries, ErrTooLarge)
	}
	b.free = true
	return z.File, nil
}

// bounded refuses to read more than left bytes until it is free.
type bounded struct {
	r    io.ReaderAt
	left int64
	free bool
}

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if !b.free {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, fs.ErrInvalid
		}
	}
	return b.r.ReadAt(p, off)
}
