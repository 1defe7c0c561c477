package codepack

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// IgnoreFile is a file that, at the top of a directory, lists what stays out of its package,
// in the syntax of a gitignore file.
const IgnoreFile = ".fcignore"

// A ZIP cannot say an earlier time.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Dir packs a directory: entries sorted by path, one fixed time, modes reduced
// to 0644 and 0755, links kept if they stay inside. The ignore file itself and
// .git are left out, and so are directories that hold nothing.
func Dir(dir string) (*Package, error) {
	entries, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("there is nothing to pack in %s", dir)
	}
	var out limited
	if err := write(&out, dir, entries); err != nil {
		return nil, err
	}
	return newPackage(out.Bytes()), nil
}

// entry is one file or link; its path is slashed and relative to the directory.
type entry struct {
	path string
	mode fs.FileMode
}

// list returns what belongs into the package in the order of WalkDir, which
// is sorted within each directory and so the same everywhere.
func list(dir string) ([]entry, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	rules, err := readIgnore(filepath.Join(dir, IgnoreFile))
	if err != nil {
		return nil, err
	}
	var entries []entry
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case name == IgnoreFile:
			return nil
		case name == ".git" || rules.ignored(name, d.IsDir()):
			return skip(d)
		case d.IsDir():
			return nil
		}
		e, err := newEntry(dir, name, d)
		entries = append(entries, e)
		return err
	})
	return entries, err
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func newEntry(dir, name string, d fs.DirEntry) (entry, error) {
	info, err := d.Info()
	if err != nil {
		return entry{}, err
	}
	switch mode := info.Mode(); {
	case mode.IsRegular() && mode&0o111 != 0:
		return entry{name, 0o755}, nil
	case mode.IsRegular():
		return entry{name, 0o644}, nil
	case mode&fs.ModeSymlink != 0:
		return entry{name, fs.ModeSymlink | 0o777}, checkLink(dir, name)
	default:
		return entry{}, fmt.Errorf("%s is neither a file nor a link", filepath.Join(dir, name))
	}
}

// checkLink refuses links that the server would refuse to extract.
func checkLink(dir, name string) error {
	target, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	to := path.Join(path.Dir(name), filepath.ToSlash(target))
	if filepath.IsAbs(target) || to == ".." || strings.HasPrefix(to, "../") {
		return fmt.Errorf("the link %s points outside of the directory, to %s", filepath.Join(dir, name), target)
	}
	return nil
}

func write(out io.Writer, dir string, entries []entry) error {
	archive := zip.NewWriter(out)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.DefaultCompression)
	})
	for _, e := range entries {
		if err := add(archive, dir, e); err != nil {
			return fmt.Errorf("pack %s: %w", e.path, err)
		}
	}
	return archive.Close()
}

func add(archive *zip.Writer, dir string, e entry) error {
	header := &zip.FileHeader{Name: e.path, Method: zip.Deflate, Modified: epoch}
	header.SetMode(e.mode)
	out, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, filepath.FromSlash(e.path))
	if e.mode&fs.ModeSymlink != 0 {
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, filepath.ToSlash(target))
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, in.Close())
}

// limited stops a package that grows over MaxSize before it fills the memory.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > MaxSize {
		return 0, ErrTooLarge
	}
	return l.Buffer.Write(p)
}
