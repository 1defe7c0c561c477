package archive

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// kind is what an entry has become.
type kind int

const (
	nothing kind = iota
	directory
	file
	symlink
)

// extraction is one archive on its way into root. Links are made last, so nothing can be
// written through one, and are checked once all are there, because each may go through
// others.
type extraction struct {
	ctx    context.Context
	root   *os.Root
	limits Limits
	left   int64 // bytes that may still be written
	made   map[string]kind
	links  []linkEntry
	buf    []byte
}

type linkEntry struct{ name, target string }

func (x *extraction) add(f *zip.File) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	name, err := x.clean(f.Name)
	if err != nil || name == "." {
		return err
	}
	if f.Flags&0x1 != 0 {
		return fmt.Errorf("is encrypted: %w", ErrFormat)
	}
	mode := f.Mode()
	if strings.HasSuffix(f.Name, "/") {
		mode |= fs.ModeDir
	}
	switch mode.Type() {
	case fs.ModeDir:
		return x.mkdir(name)
	case fs.ModeSymlink:
		return x.addLink(name, f)
	case 0:
		return x.write(name, f)
	}
	return fmt.Errorf("is neither file, directory nor link (%v): %w", mode.Type(), ErrUnsafe)
}

// clean checks a name and gives it without "." and empty elements.
func (x *extraction) clean(name string) (string, error) {
	elements := strings.Split(name, "/")
	switch {
	case name == "":
		return "", fmt.Errorf("empty name: %w", ErrUnsafe)
	case len(name) > x.limits.Path:
		return "", fmt.Errorf("name of %d bytes, at most %d: %w", len(name), x.limits.Path, ErrTooLarge)
	case strings.ContainsAny(name, "\\\x00"):
		return "", fmt.Errorf("backslash or zero byte in name: %w", ErrUnsafe)
	case elements[0] == "" || len(elements[0]) == 2 && elements[0][1] == ':':
		return "", fmt.Errorf("absolute path: %w", ErrUnsafe)
	}
	for _, e := range elements {
		if e == ".." {
			return "", fmt.Errorf("path goes up: %w", ErrUnsafe)
		}
	}
	clean := path.Clean(name)
	if depth := strings.Count(clean, "/") + 1; depth > x.limits.Depth {
		return "", fmt.Errorf("%d directories deep, at most %d: %w", depth, x.limits.Depth, ErrTooLarge)
	}
	return clean, nil
}

// mkdir makes a directory and its parents.
func (x *extraction) mkdir(name string) error {
	if name == "." || x.made[name] == directory {
		return nil
	}
	if x.made[name] != nothing {
		return fmt.Errorf("directory %q is a file or link already: %w", name, ErrUnsafe)
	}
	if err := x.mkdir(path.Dir(name)); err != nil {
		return err
	}
	if err := x.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	if err := x.root.Chmod(name, 0o755); err != nil { // whatever the umask
		return err
	}
	x.made[name] = directory
	return nil
}

// write unpacks a file. A second entry of the same name replaces the first, as every
// other tool has it.
func (x *extraction) write(name string, f *zip.File) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	switch x.made[name] {
	case file:
		flags = os.O_WRONLY | os.O_TRUNC
	case directory, symlink:
		return fmt.Errorf("replaces a directory or link: %w", ErrUnsafe)
	}
	if err := x.mkdir(path.Dir(name)); err != nil {
		return err
	}
	out, err := x.root.OpenFile(name, flags, 0o644)
	if err != nil {
		return err
	}
	x.made[name] = file
	err = x.fill(out, f)
	if err == nil {
		err = out.Chmod(fileMode(f))
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if f.Modified.IsZero() {
		return nil
	}
	return x.root.Chtimes(name, time.Time{}, f.Modified) // compiled Python is matched by it
}

// chunk is how much is copied between two looks at the context.
const chunk = 256 << 10

// fill copies the content of f and counts what really comes, not what the archive says.
func (x *extraction) fill(out io.Writer, f *zip.File) error {
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	defer in.Close()
	if x.buf == nil {
		x.buf = make([]byte, chunk)
	}
	for {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		n, err := in.Read(x.buf)
		if x.left -= int64(n); x.left < 0 {
			return fmt.Errorf("more than %d bytes in all: %w", x.limits.Bytes, ErrTooLarge)
		}
		if _, err := out.Write(x.buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
	}
}

// fileMode keeps whether a file may be executed and nothing else. An archive made where
// there are no such modes says nothing, and then its programs must still start.
func fileMode(f *zip.File) fs.FileMode {
	const unix, macOS = 3, 19
	creator, mode := f.CreatorVersion>>8, f.ExternalAttrs>>16
	if (creator != unix && creator != macOS) || mode == 0 || mode&0o111 != 0 {
		return 0o755
	}
	return 0o644
}

// addLink remembers a link; the content of its entry is where it points.
func (x *extraction) addLink(name string, f *zip.File) error {
	if x.made[name] != nothing {
		return fmt.Errorf("link replaces another entry: %w", ErrUnsafe)
	}
	var target strings.Builder
	if f.UncompressedSize64 > uint64(x.limits.Path) {
		return fmt.Errorf("link to a path of %d bytes: %w", f.UncompressedSize64, ErrTooLarge)
	}
	if err := x.fill(&target, f); err != nil {
		return err
	}
	to := target.String()
	switch {
	case to == "" || strings.ContainsAny(to, "\\\x00"):
		return fmt.Errorf("link to %q: %w", to, ErrUnsafe)
	case path.IsAbs(to) || !inside(path.Join(path.Dir(name), to)):
		return fmt.Errorf("link to %q leaves the archive: %w", to, ErrUnsafe)
	}
	if err := x.mkdir(path.Dir(name)); err != nil {
		return err
	}
	x.made[name] = symlink
	x.links = append(x.links, linkEntry{name, to})
	return nil
}

func inside(clean string) bool { return clean != ".." && !strings.HasPrefix(clean, "../") }

// link makes the links, then follows each: one that leads out, by way of others, is seen
// only now.
func (x *extraction) link() error {
	for _, l := range x.links {
		if err := x.root.Symlink(l.target, l.name); err != nil {
			return fmt.Errorf("unpack %q: %w", l.name, err)
		}
	}
	for _, l := range x.links {
		_, err := x.root.Stat(l.name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("unpack %q: link to %q: %w: %w", l.name, l.target, ErrUnsafe, err)
		}
	}
	return nil
}
