package dir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
)

// List walks the directories that can hold what is asked for, in the order of keys.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]objectstore.Object, error) {
	l := &listing{store: s, prefix: prefix, after: after, limit: limit}
	if err := l.walk(ctx, objects, ""); err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	return l.found, nil
}

type listing struct {
	store         *Store
	prefix, after string
	limit         int // 0: none
	found         []objectstore.Object
}

type entry struct {
	name, key string // key: of the file, or what all keys in the directory begin with
	isDir     bool
}

// walk adds the objects of one directory. What vanishes meanwhile is left out.
func (l *listing) walk(ctx context.Context, dir, prefix string) error {
	entries, err := l.entries(ctx, dir, prefix)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case l.limit > 0 && len(l.found) == l.limit:
			return nil
		case e.isDir:
			err = l.walk(ctx, path.Join(dir, e.name), e.key)
		default:
			err = l.add(path.Join(dir, e.name), e.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries are those of dir that matter, in the order of their keys.
func (l *listing) entries(ctx context.Context, dir, prefix string) ([]entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, err := l.store.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	all, err := d.ReadDir(-1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var entries []entry
	for _, e := range all {
		key, ok := keyOf(prefix, e.Name(), e.IsDir())
		if ok && (e.IsDir() || e.Type().IsRegular()) && l.matters(key, e.IsDir()) {
			entries = append(entries, entry{e.Name(), key, e.IsDir()})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return entries, nil
}

func (l *listing) matters(key string, isDir bool) bool {
	if !isDir {
		return strings.HasPrefix(key, l.prefix) && key > l.after
	}
	within := strings.HasPrefix(key, l.prefix) || strings.HasPrefix(l.prefix, key)
	return within && (key > l.after || strings.HasPrefix(l.after, key))
}

func (l *listing) add(file, key string) error {
	info, err := l.store.root.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l.found = append(l.found, describe(key, info))
	return nil
}
