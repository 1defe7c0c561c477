package server

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"sync"
	"sync/atomic"
)

// maxRest is how much of a body that nobody has read is read for the sake of the
// connection.
const maxRest = 256 << 10

// body is a request's body, part of its exchange. Reading and closing may happen in
// different goroutines: Close ends a Read that waits.
type body struct {
	x       *exchange
	ended   atomic.Bool // read to its end: nothing of it is on the connection any more
	broken  atomic.Bool // its chunks are malformed: where it ends is not known
	closed  atomic.Bool
	resting atomic.Int64 // what is left of a body of known size

	mu      sync.Mutex // held while reading; guards the following
	chunked io.Reader  // nil: the size is known
	err     error      // ends all reading
}

func (b *body) start(x *exchange) {
	b.x = x
	b.resting.Store(x.req.ContentLength)
	switch {
	case x.req.ContentLength == 0:
		b.ended.Store(true)
		x.req.Body = http.NoBody
		return
	case x.req.ContentLength < 0:
		b.chunked = httputil.NewChunkedReader(x.conn.br)
	}
	x.req.Body = b
}

// Read implements io.Reader. The first one asks for the body if the client waits for that.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed.Load():
		return 0, http.ErrBodyReadAfterClose
	case b.ended.Load():
		return 0, io.EOF
	case len(p) == 0:
		return 0, b.err
	}
	b.x.sendContinue()
	n, err := b.read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.closed.Load() {
		err = http.ErrBodyReadAfterClose
	}
	return n, err
}

// read is Read without its conditions; b.mu must be held.
func (b *body) read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.chunked != nil {
		n, err = b.readChunked(p)
	} else {
		n, err = b.readSized(p)
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.err = err
		b.ended.Store(true)
	case isTimeout(err) && b.chunked == nil:
		// Nothing is lost: a later deadline lets the reading go on.
	default:
		b.err = err
		b.broken.Store(b.chunked != nil)
	}
	return n, err
}

func (b *body) readSized(p []byte) (int, error) {
	left := b.resting.Load()
	if int64(len(p)) > left {
		p = p[:left]
	}
	n, err := b.x.conn.br.Read(p)
	left -= int64(n)
	b.resting.Store(left)
	switch {
	case left == 0:
		err = io.EOF
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *body) readChunked(p []byte) (int, error) {
	n, err := b.chunked.Read(p)
	if errors.Is(err, io.EOF) {
		if e := b.readTrailer(); e != nil {
			err = e
		}
	}
	return n, err
}

var errTrailer = errors.New("malformed trailer after a chunked body")

// readTrailer reads what follows the last chunk: mostly an empty line. A trailer must fit
// the reader's buffer, so that its size is bounded.
func (b *body) readTrailer() error {
	br := b.x.conn.br
	p, err := br.Peek(2)
	if string(p) == "\r\n" {
		_, _ = br.Discard(2)
		return nil
	}
	for n := 4; err == nil; n = br.Buffered() + 1 {
		_, err = br.Peek(n)
		p, _ = br.Peek(br.Buffered())
		if bytes.Contains(p, []byte("\r\n\r\n")) {
			return b.parseTrailer()
		}
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return errors.Join(errTrailer, err)
}

func (b *body) parseTrailer() error {
	fields, err := textproto.NewReader(b.x.conn.br).ReadMIMEHeader()
	if err != nil {
		return errors.Join(errTrailer, err)
	}
	req := &b.x.req
	if req.Trailer == nil {
		req.Trailer = http.Header(fields)
	} else {
		maps.Copy(req.Trailer, fields)
	}
	return nil
}

// Close ends reading. What is left is read by the server after the handler, not here,
// unless it is at hand.
func (b *body) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.lock()
	defer b.mu.Unlock()
	if b.chunked == nil && !b.ended.Load() && b.resting.Load() <= int64(b.x.conn.br.Buffered()) {
		_, _ = b.x.conn.br.Discard(int(b.resting.Swap(0)))
		b.err = io.EOF
		b.ended.Store(true)
	}
	return nil
}

// lock waits for a Read to end that closed has been set for: it makes it.
func (b *body) lock() {
	if b.mu.TryLock() {
		return
	}
	b.x.interruptRead()
	b.mu.Lock()
}

// hangUp ends all reading by the handler and whom it left behind.
func (b *body) hangUp() {
	if !b.ended.Load() {
		b.closed.Store(true)
		b.lock()
		b.mu.Unlock()
	}
	b.closed.Store(true)
}

// drain reads what hangUp left, and tells whether that brought the body to its end.
func (b *body) drain() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.resting.Load() > maxRest {
		return false
	}
	buf := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	for n := 0; n <= maxRest && !b.ended.Load(); {
		m, err := b.read(buf[:])
		n += m
		if err != nil && !errors.Is(err, io.EOF) {
			return false
		}
	}
	return b.ended.Load()
}

const copyBuffer = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
