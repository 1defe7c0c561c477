// Package intake takes in the bodies of requests: whole, bounded, compared with what was
// signed, and outside of memory where they are large. What they mean is left to others.
package intake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/fcstack/fcstack/platform/api"
)

// InMemory is the most of a body that is held in memory; more goes to a file.
const InMemory = 1 << 20

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// Body is a request's body that was read whole and found to be what was signed. It is
// in memory or in a file that has no name any more. The zero value is an empty one.
type Body struct {
	reader bytes.Reader
	buf    *[]byte
	file   *os.File
	size   int64
}

// Bounds say how large a body may be and where a large one is put.
type Bounds struct {
	Limit   int64
	TempDir string
}

// Size is the length of the body in bytes.
func (b *Body) Size() int64 { return b.size }

// Reader reads the body from its beginning; call it once.
func (b *Body) Reader() io.Reader {
	if b.file != nil {
		return b.file
	}
	if b.buf != nil {
		b.reader.Reset(*b.buf)
	}
	return &b.reader
}

// Bytes is the whole body in memory, good until Close.
func (b *Body) Bytes() ([]byte, error) {
	if b.file != nil {
		return io.ReadAll(b.file)
	}
	if b.buf == nil {
		return nil, nil
	}
	return *b.buf, nil
}

// Replace puts other content in the body's place and reads it.
func (b *Body) Replace(content []byte) io.Reader {
	b.Close()
	b.size = int64(len(content))
	b.reader.Reset(content)
	return &b.reader
}

// Close gives back what the body took. It may be called twice.
func (b *Body) Close() {
	if b.file != nil {
		b.file.Close()
		b.file = nil
	}
	if b.buf != nil {
		*b.buf = (*b.buf)[:0]
		buffers.Put(b.buf)
		b.buf = nil
	}
	b.reader.Reset(nil)
}

// Take reads the whole of a body and compares it with what sig claims; sig may be nil.
// length is the one announced, -1 if none was.
func (b *Body) Take(in io.Reader, length int64, sig *api.Signature, to Bounds) error {
	if length > to.Limit {
		return TooLarge(to.Limit)
	}
	b.buf = buffers.Get().(*[]byte)
	if length >= 0 && length <= InMemory {
		if err := b.takeExactly(in, int(length)); err != nil {
			return err
		}
		if sig == nil {
			return nil
		}
		return sig.CheckBody(*b.buf)
	}
	if sig != nil {
		in = sig.Body(in)
	}
	return b.takeAll(in, to)
}

func (b *Body) takeExactly(in io.Reader, n int) error {
	if cap(*b.buf) < n {
		*b.buf = make([]byte, 0, n)
	}
	*b.buf = (*b.buf)[:n]
	b.size = int64(n)
	if _, err := io.ReadFull(in, *b.buf); err != nil {
		return errRead(err)
	}
	return nil
}

func (b *Body) takeAll(in io.Reader, to Bounds) error {
	head := bytes.NewBuffer(*b.buf)
	n, err := io.CopyN(head, in, min(InMemory, to.Limit)+1)
	*b.buf, b.size = head.Bytes(), n
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return errRead(err)
	}
	if n > to.Limit {
		return TooLarge(to.Limit)
	}
	if b.file, err = tempFile(to.TempDir); err != nil {
		return err
	}
	if _, err := b.file.Write(*b.buf); err != nil {
		return fmt.Errorf("spool body: %w", err)
	}
	more, err := io.Copy(b.file, io.LimitReader(in, to.Limit-n+1))
	if err != nil {
		return errRead(err)
	}
	if b.size += more; b.size > to.Limit {
		return TooLarge(to.Limit)
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("spool body: %w", err)
	}
	return nil
}

// TooLarge is the error of a body that is larger than limit.
func TooLarge(limit int64) error {
	return api.Errorf(api.CodeEntityTooLarge, "the body is larger than %d MiB", limit>>20)
}

// errRead tells what the signature says of a body, what the disk says and, anything
// else, what the connection says.
func errRead(err error) error {
	var known *api.Error
	if errors.As(err, &known) {
		return known
	}
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return fmt.Errorf("spool body: %w", err)
	}
	return api.Errorf(api.CodeInvalidArgument, "body: it broke off: %v", err)
}

// tempFile makes a file that goes when it is closed, even by a crash.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "fc-body-*")
	if err != nil {
		return nil, fmt.Errorf("make temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("unlink temporary file: %w", err)
	}
	return f, nil
}
