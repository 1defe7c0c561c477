// Package dir is the object store in a local directory.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
)

const incoming = ".incoming"

// Store keeps each object in a file named by its key. Nothing outside the directory is
// ever touched, through links neither.
type Store struct {
	root *os.Root
	next atomic.Int64
}

// Open opens the store in dir, which is made if need be.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open object directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open object directory: %w", err)
	}
	// What a crash left half written.
	if err := errors.Join(root.RemoveAll(incoming), root.Mkdir(incoming, 0o700)); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Store{root: root}, nil
}

func (s *Store) Put(ctx context.Context, key string, r io.Reader) (objectstore.Object, error) {
	tmp := incoming + "/" + strconv.FormatInt(s.next.Add(1), 10)
	f, err := s.root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return objectstore.Object{}, err
	}
	_, err = io.Copy(f, r)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = s.root.MkdirAll(path.Dir(key), 0o700)
	}
	if err == nil {
		err = s.root.Rename(tmp, key)
	}
	if err != nil {
		s.root.Remove(tmp)
		return objectstore.Object{}, err
	}
	return s.Stat(ctx, key)
}

func (s *Store) Get(_ context.Context, key string) (io.ReadCloser, objectstore.Object, error) {
	f, err := s.root.Open(key)
	if err != nil {
		return nil, objectstore.Object{}, kind(key, err)
	}
	info, err := f.Stat()
	return f, objectstore.Object{Key: key, Size: info.Size(), Modified: info.ModTime()}, err
}

func (s *Store) Stat(_ context.Context, key string) (objectstore.Object, error) {
	info, err := s.root.Stat(key)
	if err != nil {
		return objectstore.Object{}, kind(key, err)
	}
	return objectstore.Object{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

func (s *Store) Delete(_ context.Context, key string) error {
	err := s.root.Remove(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Store) List(context.Context, string, string, int) ([]objectstore.Object, error) {
	return nil, fc.ErrUnsupported
}

func kind(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("object %q: %w", strings.ToValidUTF8(key, "?"), fc.ErrNotFound)
	}
	return err
}
