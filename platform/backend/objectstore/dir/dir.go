// Package dir keeps objects as files below one directory of this machine: an object's
// key is its path. Whole objects appear at once and last; space is the file system's.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"

	"github.com/google/uuid"

	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
)

const (
	objects   = "objects" // the objects, each below the segments of its key
	unwritten = "tmp"     // objects that are being written
)

// Store is an objectstore.Store for one process. Nothing outside of its directory is
// read or written, whatever links lie in it.
type Store struct {
	root *os.Root

	// dirs is held while directories come or go, so that none is removed as empty just
	// before something is moved into it, and none is used before it lasts.
	dirs sync.Mutex
}

var _ objectstore.Store = (*Store)(nil)

// Open opens the store in path, which is made if it is not there, and removes what a
// crash has left half written. One process at a time may use it.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	s := &Store{root: root}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open object store %s: %w", path, err), root.Close())
	}
	return s, nil
}

func (s *Store) prepare() error {
	if err := s.root.RemoveAll(unwritten); err != nil {
		return err
	}
	for _, name := range []string{unwritten, objects} {
		if err := s.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return s.syncDir(".")
}

// Close ends the use of the directory. Objects that were opened stay readable.
func (s *Store) Close() error { return s.root.Close() }

// Put writes r beside the objects, and moves it to its place once it is on disk.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) (objectstore.Object, error) {
	if err := checkKey(key); err != nil {
		return objectstore.Object{}, err
	}
	temp := path.Join(unwritten, uuid.NewString())
	info, err := s.write(ctx, temp, r)
	if err == nil {
		err = s.place(temp, key)
	}
	if err != nil {
		return objectstore.Object{}, errors.Join(err, s.root.Remove(temp))
	}
	return describe(key, info), nil
}

// write stores r in a new file. An error of r is returned as it is.
func (s *Store) write(ctx context.Context, name string, r io.Reader) (fs.FileInfo, error) {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write object: %w", err)
	}
	if _, err = io.Copy(f, reader{ctx, r}); err == nil {
		err = f.Sync()
	}
	info, statErr := f.Stat()
	if closeErr := f.Close(); err == nil {
		err = errors.Join(statErr, closeErr)
	}
	return info, err
}

// reader ends with ctx.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// place moves a written file to where key says and makes the move last.
func (s *Store) place(temp, key string) error {
	to := fileOf(key)
	if err := s.move(temp, to); err != nil {
		return fmt.Errorf("place object: %w", err)
	}
	return s.syncDir(path.Dir(to))
}

func (s *Store) move(temp, to string) error {
	s.dirs.Lock()
	defer s.dirs.Unlock()
	if err := s.makeDirs(path.Dir(to)); err != nil {
		return err
	}
	return s.root.Rename(temp, to)
}

// makeDirs makes dir and what is above it, each lasting.
func (s *Store) makeDirs(dir string) error {
	err := s.root.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeDirs(path.Dir(dir)); err != nil {
			return err
		}
		err = s.root.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.syncDir(path.Dir(dir))
}

// syncDir makes what was moved into or out of a directory last. One that is gone was
// empty, and whoever removed it does that.
func (s *Store) syncDir(name string) error {
	d, err := s.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Get opens an object as it is now; a later Put or Delete does not change what is read.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, objectstore.Object, error) {
	if err := check(ctx, key); err != nil {
		return nil, objectstore.Object{}, err
	}
	f, err := s.root.Open(fileOf(key))
	if err != nil {
		return nil, objectstore.Object{}, failed("open object", key, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, objectstore.Object{}, failed("open object", key, err)
	}
	return f, describe(key, info), nil
}

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (objectstore.Object, error) {
	if err := check(ctx, key); err != nil {
		return objectstore.Object{}, err
	}
	info, err := s.root.Stat(fileOf(key))
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return objectstore.Object{}, failed("look up object", key, err)
	}
	return describe(key, info), nil
}

// Delete removes an object and the directories that it leaves empty.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	dir, err := s.remove(fileOf(key))
	if err != nil {
		if err = failed("delete object", key, err); errors.Is(err, fc.ErrNotFound) {
			return nil
		}
		return err
	}
	return s.syncDir(dir)
}

// remove removes a file and the directories that it leaves empty, and returns the
// directory that was removed from last.
func (s *Store) remove(name string) (dir string, err error) {
	s.dirs.Lock()
	defer s.dirs.Unlock()
	if err := s.root.Remove(name); err != nil {
		return "", err
	}
	dir = path.Dir(name)
	for dir != objects && s.root.Remove(dir) == nil { // fails on one that is not empty
		dir = path.Dir(dir)
	}
	return dir, nil
}

func describe(key string, info fs.FileInfo) objectstore.Object {
	return objectstore.Object{Key: key, Size: info.Size(), Modified: info.ModTime()}
}

// failed gives err its kind: what lies where no object can lie is no object.
func failed(doing, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("object %q: %w", key, fc.ErrNotFound)
	}
	return fmt.Errorf("%s %q: %w", doing, key, err)
}

func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return checkKey(key)
}
