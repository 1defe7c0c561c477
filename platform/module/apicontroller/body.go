package apicontroller

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/fcstack/fcstack/platform/api"
)

// inMemory is the most of a body that is held in memory; more goes to a file.
const inMemory = 1 << 20

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// body is a request's body that was read whole and found to be what was signed. It is
// in memory or in a file that has no name any more.
type body struct {
	bytes.Reader
	buf  *[]byte
	file *os.File
	size int64
}

// reader reads the body from its beginning.
func (b *body) reader() io.Reader {
	if b.file != nil {
		return b.file
	}
	b.Reset(*b.buf)
	return b
}

func (b *body) close() {
	if b.file != nil {
		b.file.Close()
		b.file = nil
	}
	if b.buf != nil {
		b.Reset(nil)
		*b.buf = (*b.buf)[:0]
		buffers.Put(b.buf)
		b.buf = nil
	}
}

// read takes the whole of a body of at most limit bytes and compares it with what sig
// claims; sig may be nil. length is the one announced, -1 if none was.
func (b *body) read(in io.Reader, length, limit int64, sig *api.Signature, tempDir string) error {
	if length > limit {
		return errTooLarge(limit)
	}
	b.buf = buffers.Get().(*[]byte)
	if length >= 0 && length <= inMemory {
		if err := b.readExactly(in, int(length)); err != nil {
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
	return b.readAll(in, limit, tempDir)
}

func (b *body) readExactly(in io.Reader, n int) error {
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

func (b *body) readAll(in io.Reader, limit int64, tempDir string) error {
	head := bytes.NewBuffer(*b.buf)
	n, err := io.CopyN(head, in, min(inMemory, limit)+1)
	*b.buf, b.size = head.Bytes(), n
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return errRead(err)
	}
	if n > limit {
		return errTooLarge(limit)
	}
	if b.file, err = tempFile(tempDir); err != nil {
		return err
	}
	if _, err := b.file.Write(*b.buf); err != nil {
		return fmt.Errorf("spool body: %w", err)
	}
	more, err := io.Copy(b.file, io.LimitReader(in, limit-n+1))
	if err != nil {
		return errRead(err)
	}
	if b.size += more; b.size > limit {
		return errTooLarge(limit)
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("spool body: %w", err)
	}
	return nil
}

func errTooLarge(limit int64) error {
	return api.Errorf(api.CodeEntityTooLarge, "the body is larger than %d MiB", limit>>20)
}

// errRead keeps what the signature says of a body; anything else is the connection's.
func errRead(err error) error {
	var known *api.Error
	if errors.As(err, &known) {
		return known
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
